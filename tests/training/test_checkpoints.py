"""What is saved is what is loaded, bit for bit; anything else is an error."""

import io
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minivae as mv
from minivae.layers import Layer
from minivae.schedules import cosine_decay, linear_warmup, piecewise_constant
from minivae.training import checkpoints, specs
from minivae.training.checkpoints import load, save
from minivae.training.history import COLUMNS, History


def model_of(likelihood=None, cls=mv.VAE, dtype=np.float32):
    """A model with every layer class in it, one stack inside another."""
    rng = np.random.default_rng(3)
    tail = mv.Sequential(mv.Sigmoid(), mv.Linear(3, 5, init="he"), mv.Softplus())
    encoder = mv.Sequential(mv.Scale(1 / 7), mv.Linear(6, 3), mv.ReLU(), tail)
    decoder = mv.Sequential(mv.Linear(2, 4), mv.Tanh(), mv.Linear(4, 6))
    model = cls(encoder, decoder, likelihood or mv.Binomial(7), rng, dtype)
    model.theta[...] = rng.standard_normal(model.theta.size)
    return model


def stepped(optimizer, model, steps=3):
    rng = np.random.default_rng(4)
    for _ in range(steps):
        optimizer.step(model.theta, rng.standard_normal(model.theta.size, np.float32))
    return optimizer


def everything():
    """Arguments of `save` with all there is."""
    model, rng = model_of(), np.random.default_rng(9)
    rng.integers(7, dtype=np.uint8)  # a half-used word is part of the state
    return {
        "model": model,
        "optimizer": stepped(mv.Adam(cosine_decay(0.1, 50), beta1=0.8), model),
        "rng": rng,
        "history": History(rng.random((4, len(COLUMNS)))),
        "settings": {"batch_size": 32, "beta": linear_warmup(1.0, 10), "binarize": "none"},
        "data": {"name": "digits", "max_count": 16, "shape": (2, 3)},
    }


def content(saved):
    """All of a checkpoint as plain comparable values."""
    optimizer = saved.optimizer.state()
    return [
        specs.describe_model(saved.model),
        saved.model.theta.tobytes(),
        specs.describe_optimizer(saved.optimizer)[0],
        {k: np.asarray(v).tobytes() for k, v in optimizer.items()},
        saved.rng.bit_generator.state,
        saved.history.rows,
        {k: specs.describe_schedule(v) for k, v in saved.settings.items()},
        saved.data,
    ]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("saving") / "model.npz"


def test_everything_comes_back(file):
    save(file, **everything())
    saved = load(file)
    assert content(saved) == content(checkpoints.Checkpoint(**everything()))
    schedule = cosine_decay(0.1, 50)
    assert [saved.optimizer.lr(t) for t in range(60)] == [schedule(t) for t in range(60)]
    assert saved.settings["beta"](5) == 0.5


LIKELIHOODS = [
    mv.Bernoulli,
    lambda: mv.Bernoulli(grey=True),
    lambda: mv.Binomial(16),
    lambda: mv.Gaussian(0.3),
    lambda: mv.Gaussian(0.3, learned=True),
    lambda: mv.Laplace(0.3),
    lambda: mv.Laplace(0.3, learned=True),
]


@pytest.mark.parametrize("cls", [mv.VAE, mv.IWAE, mv.Autoencoder])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_any_model_is_built_again_and_computes_the_same(file, cls, dtype, likelihood):
    model = model_of(likelihood(), cls, dtype)
    save(file, model)
    saved = load(file)
    loaded, rng = saved.model, np.random.default_rng(0)
    assert type(loaded) is cls and loaded.dtype == dtype and loaded.layout == model.layout
    assert loaded.theta.tobytes() == model.theta.tobytes()
    x, z = rng.random((3, 6)).astype(dtype), rng.standard_normal((3, 2)).astype(dtype)
    assert np.array_equal(loaded.latent(x), model.latent(x))
    assert np.array_equal(loaded.decode(z), model.decode(z))
    assert vars(saved) | {"model": None} == dict.fromkeys(vars(saved))


@pytest.mark.parametrize("cls", [mv.VAE, mv.IWAE, mv.Autoencoder])
def test_a_convolutional_model_is_built_again_and_computes_the_same(file, cls):
    rng = np.random.default_rng(3)
    model = cls.conv((4, 8, 2), 3, (3, 5), mv.Laplace(learned=True), "relu", rng=rng)
    save(file, model)
    loaded = load(file).model
    assert loaded.layout == model.layout
    assert specs.describe_model(loaded) == specs.describe_model(model)
    x = rng.standard_normal((2, 64), dtype=np.float32)
    assert np.array_equal(loaded.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("encoder, decoder", [((), (6, 6)), ((6, 5), (3, 6))])
def test_an_empty_encoder_and_a_square_decoder(file, encoder, decoder):
    layers = [mv.Linear(*encoder)] if encoder else []
    rng = np.random.default_rng(0)
    parts = mv.Sequential(*layers), mv.Sequential(mv.Linear(*decoder)), mv.Bernoulli()
    model = mv.VAE(*parts, rng)
    save(file, model)
    assert np.array_equal(load(file).model.theta, model.theta)


@pytest.mark.parametrize("name", specs.GENERATORS)
def test_any_generator_goes_on_where_it_was(file, name):
    rng = np.random.Generator(getattr(np.random, name)(5))
    rng.integers(200, size=3, dtype=np.uint8)
    save(file, model_of(), rng=rng)
    loaded = load(file).rng
    for draw in ("random", "standard_normal", "standard_exponential"):
        assert np.array_equal(getattr(loaded, draw)(1000), getattr(rng, draw)(1000))
    assert np.array_equal(loaded.permutation(99), rng.permutation(99))


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize(
    "make", [lambda: mv.SGD(0.1, 0.9), lambda: mv.Adam(0.1, 0.7, 0.9, 1e-3)]
)
def test_any_optimizer_goes_on_where_it_was(file, make, steps):
    model = model_of()
    optimizer = stepped(make(), model, steps)
    save(file, model, optimizer)
    saved = load(file)
    for o, m in ((optimizer, model), (saved.optimizer, saved.model)):
        stepped(o, m, 5)
    assert type(saved.optimizer) is type(optimizer) and saved.optimizer.t == steps + 5
    assert np.array_equal(saved.model.theta, model.theta)


def test_a_schedule_of_ones_own_has_to_be_passed_again(file):
    model = model_of()
    optimizer = stepped(mv.Adam(lambda step: 0.1 / (1 + step)), model)
    settings = {"beta": lambda step: 1.0, "samples": 1}
    save(file, model, optimizer, settings=settings)
    saved = load(file)
    with pytest.raises(ValueError, match=r"lr: expected the schedule .* passed again"):
        stepped(saved.optimizer, saved.model)
    with pytest.raises(ValueError, match="beta: expected the schedule"):
        saved.settings["beta"](0)
    saved.optimizer.lr = optimizer.lr
    stepped(saved.optimizer, saved.model)
    stepped(optimizer, model)
    assert np.array_equal(saved.model.theta, model.theta)


def test_stages_are_made_again(file):
    save(file, model_of(), settings={"beta": piecewise_constant([0.5, 1.0], [3, 4])})
    beta = load(file).settings["beta"]
    assert [beta(t) for t in (0, 2, 3, 9)] == [0.5, 0.5, 1.0, 1.0]


class Cube(Layer):
    """A layer that this package does not have."""


class Tanh(mv.Tanh):
    """Nor has it this one, whatever its name is."""


class MyVAE(mv.VAE):
    pass


class MyAdam(mv.Adam):
    pass


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"model": MyVAE.mlp(6, 2, (), rng=np.random.default_rng(0))}, "model: .*MyVAE"),
        ({"optimizer": MyAdam()}, "optimizer: expected .*SGD, Adam; got .*MyAdam"),
        ({"layer": Cube()}, "layer: expected .* Linear, .*Cube.* np.save"),
        ({"layer": Tanh()}, "layer: expected .*test_checkpoints.Tanh"),
        ({"rng": 3}, "rng: expected a numpy.random.Generator"),
        (
            {"data": {"shape": (1, 2), "name": object()}},
            "expected numbers, text, lists and dicts",
        ),
    ],
)
def test_what_cannot_be_built_again_is_refused_when_it_is_saved(file, arguments, words):
    before, model = file.read_bytes() if file.exists() else None, model_of()
    if layer := arguments.pop("layer", None):
        stack = mv.Sequential(mv.Linear(2, 4), layer, mv.Linear(4, 6))
        model = mv.VAE(mv.Sequential(), stack, mv.Bernoulli(), np.random.default_rng(0))
    with pytest.raises(TypeError, match=words):
        save(file, **{"model": model} | arguments)
    assert (file.read_bytes() if file.exists() else None) == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(file, value):
    model = model_of()
    model.theta[7] = value
    with pytest.raises(ValueError, match=r"theta: expected finite .* at index \(7,\)"):
        save(file, model)
    arrays = checkpoints.pack(model_of())
    arrays["theta"][7] = value
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match=r"model.npz: .*theta: expected finite"):
        load(file)


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    save(path, model_of())
    before = path.read_bytes()

    def half(stream, **arrays):
        stream.write(before[:99])
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space left"):
        save(path, model_of(mv.Bernoulli()))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_a_process_killed_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.npz"
    save(path, **everything())
    before = path.read_bytes()
    program = """
        import io, os, signal, sys
        import numpy as np
        from minivae.training.checkpoints import load, save

        savez = np.savez

        def killed_half_way(file, **arrays):
            whole = io.BytesIO()
            savez(whole, **arrays)
            file.write(whole.getvalue()[: whole.tell() // 2])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        np.savez = killed_half_way
        model = load(sys.argv[1]).model
        model.theta += 1
        save(sys.argv[1], model)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == -9, done.stderr
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2, "half a file under another name"
    save(path, model_of())
    assert load(path).optimizer is None


def test_the_path_is_taken_as_it_is_and_nothing_is_pickled(tmp_path):
    path = tmp_path / "model"
    save(path, **everything())
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        assert set(arrays) == {"minivae", "theta", "history", "optimizer.m", "optimizer.v"}
        assert all(not arrays[name].dtype.hasobject for name in arrays)
