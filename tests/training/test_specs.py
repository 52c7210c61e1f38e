"""Objects as data and back; the data are what files written today will hold for ever."""

import json

import numpy as np
import pytest

import minivae as mv
from minivae.schedules import linear_warmup
from minivae.training import specs


def small_vae(rng):
    encoder = mv.Sequential(mv.Linear(4, 3), mv.Sequential(mv.Tanh()))
    return mv.VAE(encoder, mv.Sequential(mv.Linear(2, 4)), mv.Binomial(5), rng)


def test_a_model_is_described_in_plain_words(rng):
    model = small_vae(rng)
    spec = specs.describe_model(model)
    assert spec == json.loads(json.dumps(spec))
    assert spec["class"] == "VAE" and spec["dtype"] == "float32"
    inner = {"class": "Sequential", "layers": [{"class": "Tanh"}]}
    assert spec["encoder"]["layers"][1] == inner
    assert spec["encoder"]["layers"][0]["n_out"] == 3
    assert spec["likelihood"]["class"] == "Binomial" and spec["likelihood"]["n"] == 5
    again = specs.build_model(spec, model.theta)
    np.testing.assert_array_equal(again.theta, model.theta)
    assert again.theta is not model.theta and again.layout == model.layout


def test_weights_of_another_size_are_refused_before_anything_is_built(rng):
    model = small_vae(rng)
    spec = specs.describe_model(model)
    with pytest.raises(ValueError, match=r"theta: expected 43 values of float32, got"):
        specs.build_model(spec, model.theta[1:])
    spec["decoder"]["layers"][0]["n_out"] = 10**12
    spec["encoder"]["layers"][0]["n_in"] = 10**12
    with pytest.raises(ValueError, match="theta: expected"):
        specs.build_model(spec, model.theta)


def test_an_optimizer_goes_on_with_the_same_step(rng):
    theta, grad = rng.standard_normal(5), rng.standard_normal(5)
    adam = mv.Adam(linear_warmup(0.1, 10), beta1=0.7)
    adam.step(theta, grad)
    spec, vectors = specs.describe_optimizer(adam)
    assert list(spec["lr"]["schedule"]) == ["linear_warmup", 0.1, 10]
    vectors = {f"optimizer.{name}": vector for name, vector in vectors.items()}
    again, other = specs.build_optimizer(spec, vectors, theta), theta.copy()
    adam.step(theta, grad)
    again.step(other, grad)
    np.testing.assert_array_equal(theta, other)
    with pytest.raises(ValueError, match=r"optimizer\.m: expected the shape and dtype"):
        specs.build_optimizer(spec, vectors, theta[1:])


def test_a_subclass_is_not_taken_for_its_parent(rng):
    class Tanh(mv.Tanh):
        pass

    model = small_vae(rng)
    model.encoder.layers[1].layers[0] = Tanh()
    with pytest.raises(TypeError, match=r"layer: expected one that can be built again"):
        specs.describe_model(model)


def test_only_schedules_and_generators_of_the_lists_are_built():
    with pytest.raises(ValueError, match="lr: expected one of 'linear_warmup'"):
        specs.build_schedule("lr", {"schedule": ["__import__", "os"]})
    with pytest.raises(ValueError, match="rng: expected one of 'PCG64'"):
        specs.build_generator({"bit_generator": "seed"})
    lost = specs.build_schedule("beta", specs.describe_schedule(lambda step: 1.0))
    with pytest.raises(ValueError, match="beta: expected the schedule of the first"):
        lost(0)
    assert specs.build_schedule("beta", 0.5) == 0.5
