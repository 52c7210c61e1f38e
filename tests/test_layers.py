import numpy as np
import pytest
from helpers import alone, assert_gradient, complains
from hypothesis import given
from hypothesis import strategies as st

from minivae.layers import (
    ACTIVATIONS,
    Linear,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
    mlp,
)
from minivae.model import Model

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)
ELEMENTWISE = [Tanh, Sigmoid, ReLU, Softplus, lambda: Scale(-0.7)]


def check_layer(layer, x, rng):
    """Compare dx and every parameter's gradient with central differences."""
    dy = rng.standard_normal(layer.forward(x).shape)

    def loss():
        return float((dy * layer.forward(x)).sum())

    dx = layer.backward(dy)
    assert_gradient("x", loss, x, dx)
    for name, param in layer.params.items():
        assert_gradient(name, loss, param, layer.grads[name].copy())


@given(B=sizes, n_in=sizes, n_out=sizes, seed=seeds)
def test_linear_gradients(B, n_in, n_out, seed):
    rng = np.random.default_rng(seed)
    layer = alone(Linear(n_in, n_out), rng)
    check_layer(layer, rng.standard_normal((B, n_in)), rng)


@pytest.mark.parametrize("make", ELEMENTWISE)
@given(B=sizes, n=sizes, seed=seeds)
def test_elementwise_gradients(make, B, n, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((B, n))
    x += np.where(x > 0, 0.01, -0.01)  # away from the kink of ReLU
    check_layer(make(), x, rng)


@given(
    B=sizes,
    widths=st.lists(sizes, min_size=1, max_size=4),
    names=st.lists(
        st.sampled_from(["tanh", "sigmoid", "softplus"]), min_size=3, max_size=3
    ),
    seed=seeds,
)
def test_stacks_of_any_depth(B, widths, names, seed):
    rng = np.random.default_rng(seed)
    layers = [Scale(0.5)]
    for n_in, n_out, name in zip(widths[:-1], widths[1:], names, strict=False):
        layers.append(Sequential(Linear(n_in, n_out), ACTIVATIONS[name]()))
    stack = alone(Sequential(*layers), rng)
    check_layer(stack, rng.standard_normal((B, widths[0])), rng)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_the_functions_they_are_named_after(name):
    x = np.linspace(-3, 3, 25)[None]
    expected = {
        "tanh": np.sinh(x) / np.cosh(x),
        "relu": (np.abs(x) + x) / 2,
        "softplus": np.log(1 + np.exp(x)),
        "sigmoid": 1 / (1 + np.exp(-x)),
    }[name]
    np.testing.assert_allclose(ACTIVATIONS[name]().forward(x), expected, rtol=1e-13)


def test_relu_passes_nothing_at_its_kink():
    layer = ReLU()
    layer.forward(np.array([[-1.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(layer.backward(np.full((1, 3), 5.0)), [[0, 0, 5]])


def test_linear_is_what_it_says(rng):
    layer = alone(Linear(2, 3), rng)
    layer.W[...] = [[1, 2, 3], [4, 5, 6]]
    layer.b[...] = [10, 20, 30]
    y = layer.forward(np.array([[1.0, 0.0], [1.0, -1.0]]))
    np.testing.assert_array_equal(y, [[11, 22, 33], [7, 17, 27]])


def test_empty_stack_is_the_identity():
    x = np.arange(6.0).reshape(2, 3)
    stack = Sequential()
    np.testing.assert_array_equal(stack.forward(x), x)
    np.testing.assert_array_equal(stack.backward(x), x)


@pytest.mark.parametrize("outer", [False, True])
def test_leaving_out_dx_leaves_the_parameters_gradients_alone(rng, outer):
    stack = Sequential(Scale(0.5), *mlp([4, 3, 2], "softplus"))
    stack = alone(Sequential(Tanh(), stack) if outer else stack, rng)
    dy = rng.standard_normal((5, 2))
    stack.forward(rng.standard_normal((5, 4)))
    assert stack.backward(dy).shape == (5, 4)
    expected = {name: grad.copy() for name, grad in stack.grads.items()}
    for grad in stack.grads.values():
        grad[...] = np.nan
    assert stack.backward(dy, need_dx=False) is None
    for name, grad in stack.grads.items():
        np.testing.assert_array_equal(grad, expected[name], err_msg=name)


def test_gradients_are_written_and_never_accumulated(rng):
    layer = alone(Linear(3, 2), rng)
    layer.forward(rng.standard_normal((4, 3)))
    dy = rng.standard_normal((4, 2))
    layer.backward(dy)
    first = layer.grads["W"].copy(), layer.grads["b"].copy()
    layer.backward(dy)
    np.testing.assert_array_equal(layer.grads["W"], first[0])
    np.testing.assert_array_equal(layer.grads["b"], first[1])


@pytest.mark.parametrize("make", [*ELEMENTWISE, lambda: Linear(3, 2)])
def test_backward_before_forward_is_an_error(make, rng):
    layer = alone(make(), rng)
    with complains(RuntimeError, type(layer).__name__, "before forward"):
        layer.backward(np.ones((1, 2)))


@pytest.mark.parametrize(("init", "fan"), [("glorot", 300 + 100), ("he", 300)])
def test_first_weights_have_the_stated_spread(rng, init, fan):
    model_rng = np.random.default_rng(5)
    layer = Linear(300, 100, init)
    model = Model({"layer": layer}, model_rng, np.float64)
    W = model.params["layer.W"]
    # 30 000 normal draws: their mean square is known to 0.8 %, their mean to 0.6 % of s
    assert np.mean(W**2) == pytest.approx(2 / fan, rel=0.03)
    assert abs(W.mean()) < 0.025 * np.sqrt(2 / fan)
    assert not model.params["layer.b"].any()


@pytest.mark.parametrize("make", [*ELEMENTWISE, lambda: Sequential(*mlp([3, 4, 3]))])
def test_float32_stays_float32(make, rng):
    layer = alone(make(), rng, np.float32)
    y = layer.forward(rng.standard_normal((2, 3), dtype=np.float32))
    assert y.dtype == layer.backward(y).dtype == np.float32


def test_mlp_alternates_and_picks_the_initialisation():
    layers = mlp([5, 4, 3], "relu")
    kinds = [type(layer) for layer in layers]
    assert kinds == [Linear, ReLU, Linear, ReLU]
    assert [layers[0].init, mlp([5, 4], "tanh")[0].init] == ["he", "glorot"]
    assert Sequential(*layers).shapes == {
        "0.W": (5, 4),
        "0.b": (4,),
        "2.W": (4, 3),
        "2.b": (3,),
    }
    assert mlp([5]) == []


def test_config_builds_the_layer_again():
    for layer in (Linear(np.int64(3), np.int32(2), "he"), Scale(np.float32(0.5)), Tanh()):
        again = type(layer)(**layer.config)
        assert again.config == layer.config
        assert again.shapes == layer.shapes
        assert {type(v) for v in layer.config.values()} <= {int, float, str}


def test_bad_arguments_are_named(rng):
    with complains(ValueError, "n_in", "at least 1", "0"):
        Linear(0, 3)
    with complains(TypeError, "n_out", "whole number", "2.5"):
        Linear(2, 2.5)
    with complains(ValueError, "init", "'glorot'", "'zeros'"):
        Linear(2, 3, "zeros")
    with complains(ValueError, "activation", "'tanh'", "'gelu'"):
        mlp([2, 3], "gelu")
    with complains(ValueError, "factor", "finite", "nan"):
        Scale(float("nan"))
    with complains(ValueError, "4 outputs", "5 inputs"):
        Sequential(Linear(3, 4), Tanh(), Linear(5, 2))


def test_bad_input_is_named(rng):
    layer = alone(Linear(3, 2), rng)
    for shape in [(4, 2), (3,), (2, 4, 3)]:
        with complains(ValueError, "x", "(any, 3)", str(shape)):
            layer.forward(np.ones(shape))
    for dtype in (np.float32, np.int64, complex):
        with complains(TypeError, "x", "float64", np.dtype(dtype).name):
            layer.forward(np.ones((4, 3), dtype))


def test_one_object_in_two_places_is_refused(rng):
    layer = Linear(3, 3)
    with complains(ValueError, "Linear", "new object"):
        alone(Sequential(layer, Tanh(), layer), rng)
    used = alone(Tanh(), rng)
    with complains(ValueError, "Tanh", "already has"):
        alone(Sequential(Linear(3, 3), used), rng)
