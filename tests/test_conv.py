"""Convolutions against loops over pixels, their own adjoints, differences and PyTorch."""

import itertools

import numpy as np
import pytest
from helpers import alone, assert_gradient, complains
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from minivae import VAE, Autoencoder, Binomial, Gaussian, ReLU
from minivae.conv import Conv2d, ConvTranspose2d, conv_stacks, patches, scatter
from minivae.gradcheck import check_model
from minivae.layers import Linear, Sequential, Tanh
from minivae.model import Model

LAYERS = [Conv2d, ConvTranspose2d]
# Every kernel, stride and padding from 1 to 5 (padding from 0) that loses no pixel.
FITTING = [(k, s, p) for k in range(1, 6) for s in range(1, k + 1) for p in range(k)]
seeds = st.integers(0, 2**32 - 1)


def fitting(cls, k, s, p, rng, channels=(2, 3)):
    """A layer of random weights whose image is about 3 x 2 windows large."""

    def image(windows):
        size = (windows - 1) * s + k - 2 * p
        return size if size > 0 else image(windows + 1)

    sides = [image(3), image(2)]
    if cls is ConvTranspose2d:
        sides = [(side + 2 * p - k) // s + 1 for side in sides]
    return alone(cls((*sides, channels[0]), channels[1], k, s, p), rng)


def connections(layer):
    """Every (pixel of the image, pixel of the maps, place in the kernel), by loops."""
    (rows, columns, _), (high, wide, _) = layer.image, layer.maps
    for r, c, i, j in itertools.product(
        range(high), range(wide), range(layer.kernel), range(layer.kernel)
    ):
        row = r * layer.stride + i - layer.padding
        column = c * layer.stride + j - layer.padding
        if 0 <= row < rows and 0 <= column < columns:
            yield (row, column), (r, c), (i, j)


def by_loops(layer, x):
    """What the layer should make of x, one product of numbers after the other."""
    x = x.reshape(-1, *layer.shape)
    y = np.zeros((len(x), *layer.out_shape)) + layer.b
    for image, maps, place in connections(layer):
        if isinstance(layer, Conv2d):
            y[(slice(None), *maps)] += x[(slice(None), *image)] @ layer.W[place]
        else:
            y[(slice(None), *image)] += x[(slice(None), *maps)] @ layer.W[place].T
    return y.reshape(len(x), -1)


@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize(("k", "s", "p"), FITTING)
def test_forward_is_what_loops_over_pixels_give(cls, k, s, p, rng):
    layer = fitting(cls, k, s, p, rng)
    x = rng.standard_normal((2, layer.n_in))
    assert_allclose(layer.forward(x), by_loops(layer, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("k", "s", "p"), FITTING)
def test_the_two_layers_are_adjoint(k, s, p, rng):
    conv = fitting(Conv2d, k, s, p, rng)
    back = alone(ConvTranspose2d(conv.out_shape, conv.shape[2], k, s, p), rng)
    assert (back.n_in, back.out_shape, back.W.shape) == (
        conv.n_out,
        conv.shape,
        conv.W.shape,
    )
    back.W[...] = conv.W
    conv.b[...] = back.b[...] = 0
    x, y = rng.standard_normal((4, conv.n_in)), rng.standard_normal((4, conv.n_out))
    one, other = (conv.forward(x) * y).sum(), (x * back.forward(y)).sum()
    size = np.linalg.norm(conv.forward(x)) * np.linalg.norm(y)
    assert abs(one - other) < 1e-13 * size, f"<A x, y> = {one}, <x, A^T y> = {other}"


@pytest.mark.parametrize(("k", "s", "p"), FITTING)
def test_scattering_is_the_adjoint_of_cutting(k, s, p, rng):
    images = rng.standard_normal((2, 2 * s + k, s + k, 3))
    table = patches(images, k, s)
    numbers = rng.standard_normal(table.shape)
    identity = np.eye(k * k * 3).reshape(k, k, 3, k * k * 3)
    scattered = scatter(numbers.reshape(2, 3, 2, -1), identity, s)
    assert scattered.shape == images.shape
    one, other = (table * numbers).sum(), (images * scattered).sum()
    assert abs(one - other) < 1e-13 * np.linalg.norm(table) * np.linalg.norm(numbers)


@pytest.mark.parametrize("cls", LAYERS)
@given(case=st.sampled_from(FITTING), B=st.integers(1, 3), c=st.integers(1, 3), seed=seeds)
def test_gradients_in_every_entry(cls, case, B, c, seed):
    rng = np.random.default_rng(seed)
    layer = fitting(cls, *case, rng, channels=(c, 4 - c))
    x = rng.standard_normal((B, layer.n_in))
    dy = rng.standard_normal((B, layer.n_out))

    def loss():
        return float((dy * layer.forward(x)).sum())

    loss()
    dx = layer.backward(dy)
    assert_gradient("x", loss, x, dx)
    for name, param in layer.params.items():
        assert_gradient(name, loss, param, layer.grads[name].copy())


@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize(("k", "s", "p"), FITTING)
def test_values_and_gradients_are_those_of_pytorch(cls, k, s, p, rng):
    torch = pytest.importorskip("torch")
    layer = fitting(cls, k, s, p, rng)
    peer = getattr(torch.nn, cls.__name__)(2, 3, k, s, p).double()

    def there(array):
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))

    def here(tensor):
        return np.moveaxis(tensor.detach().numpy(), 1, -1)

    peer.weight.data = torch.from_numpy(layer.W.transpose(3, 2, 0, 1).copy())
    peer.bias.data = torch.from_numpy(layer.b.copy())
    x, dy = rng.standard_normal((3, layer.n_in)), rng.standard_normal((3, layer.n_out))
    tensor = there(x.reshape(3, *layer.shape)).requires_grad_()
    y = peer(tensor)
    y.backward(there(dy.reshape(3, *layer.out_shape)))
    pairs = {
        "y": (layer.forward(x).reshape(3, *layer.out_shape), here(y)),
        "dx": (layer.backward(dy).reshape(3, *layer.shape), here(tensor.grad)),
        "dW": (layer.dW.transpose(3, 2, 0, 1), peer.weight.grad.numpy()),
        "db": (layer.db, peer.bias.grad.numpy()),
    }
    for name, (ours, theirs) in pairs.items():
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        assert error < 1e-12, f"{name} differs from PyTorch's by {error:.2g} relative"


def test_a_convolution_by_numbers(rng):
    layer = alone(Conv2d((3, 3, 1), 1, kernel=2, stride=1, padding=0), rng)
    layer.W[...] = np.array([[1, 10], [100, 1000]])[..., None, None]
    layer.b[...] = 0.5
    x = np.arange(1.0, 10).reshape(1, 9)
    assert_array_equal(layer.forward(x), [[5421.5, 6532.5, 8754.5, 9865.5]])
    dx = layer.backward(np.array([[1.0, 0, 0, 2]]))
    assert_array_equal(dx.reshape(3, 3), [[1, 10, 0], [100, 1002, 20], [0, 200, 2000]])
    assert_array_equal(layer.dW[..., 0, 0], [[11, 14], [20, 23]])
    assert_array_equal(layer.db, [3])


def test_a_transposed_convolution_by_numbers(rng):
    layer = alone(ConvTranspose2d((1, 2, 1), 1, kernel=2, stride=1, padding=0), rng)
    layer.W[...] = np.array([[1, 10], [100, 1000]])[..., None, None]
    layer.b[...] = 0.5
    y = layer.forward(np.array([[1.0, 3]]))
    assert_array_equal(y, [[1.5, 13.5, 30.5, 100.5, 1300.5, 3000.5]])
    dx = layer.backward(np.array([[1.0, 0, 0, 0, 2, 0]]))
    assert_array_equal(dx, [[2001, 200]])
    assert_array_equal(layer.dW[..., 0, 0], [[1, 0], [6, 2]])
    assert_array_equal(layer.db, [3])


def test_a_shifted_image_gives_shifted_maps(rng):
    layer = alone(Conv2d((12, 12, 2), 3, kernel=4, stride=2, padding=1), rng)
    x = rng.standard_normal((1, 12, 12, 2))
    y, shifted = (
        layer.forward(np.roll(x, shift, (1, 2)).reshape(1, -1)).reshape(6, 6, 3)
        for shift in (0, 2)
    )
    assert_allclose(shifted[2:-1, 2:-1], y[1:-2, 1:-2], rtol=1e-12)


def test_pixels_stand_row_by_row_and_channels_last(rng):
    layer = alone(Conv2d((3, 4, 2), 5, kernel=1, stride=1, padding=0), rng)
    layer.b[...] = 0
    for row, column, channel in itertools.product(range(3), range(4), range(2)):
        x = np.zeros((1, 24))
        x[0, (row * 4 + column) * 2 + channel] = 1
        y = layer.forward(x).reshape(3, 4, 5)
        assert_array_equal(y[row, column], layer.W[0, 0, channel])
        assert np.count_nonzero(y) == 5


@pytest.mark.parametrize("cls", LAYERS)
def test_leaving_out_dx_leaves_the_parameters_gradients_alone(cls, rng):
    layer = fitting(cls, 3, 2, 1, rng)
    dy = rng.standard_normal((2, layer.n_out))
    layer.forward(rng.standard_normal((2, layer.n_in)))
    layer.backward(dy)
    dW, db = layer.dW.copy(), layer.db.copy()
    layer.dW[...] = layer.db[...] = np.nan
    assert layer.backward(dy, need_dx=False) is None
    assert_array_equal(layer.dW, dW)
    assert_array_equal(layer.db, db)


@pytest.mark.parametrize("cls", LAYERS)
def test_neither_pass_writes_into_what_it_is_given(cls, rng):
    layer = fitting(cls, 1, 1, 0, rng)  # no padding, so nothing need be copied
    x, dy = rng.standard_normal((2, layer.n_in)), rng.standard_normal((2, layer.n_out))
    W, x_before, dy_before = layer.W.copy(), x.copy(), dy.copy()
    y = layer.forward(x)
    y_before = y.copy()
    layer.backward(dy)
    for now, before in ((layer.W, W), (x, x_before), (dy, dy_before), (y, y_before)):
        assert_array_equal(now, before)


@pytest.mark.parametrize("cls", LAYERS)
def test_backward_before_forward_is_an_error(cls, rng):
    layer = fitting(cls, 3, 2, 1, rng)
    with complains(RuntimeError, cls.__name__, "before forward"):
        layer.backward(np.ones((1, layer.n_out)))


@pytest.mark.parametrize("cls", LAYERS)
def test_float32_stays_float32(cls, rng):
    layer = alone(cls((4, 4, 1), 2), rng, np.float32)
    y = layer.forward(rng.standard_normal((2, layer.n_in), dtype=np.float32))
    assert y.dtype == layer.backward(y).dtype == np.float32


@pytest.mark.parametrize("init", ["glorot", "he"])
@pytest.mark.parametrize("cls", LAYERS)
def test_first_weights_have_the_stated_spread(cls, init, rng):
    layer = cls((12, 12, 6), 20, init=init)
    model = Model({"layer": layer}, rng, np.float64)
    drawn = layer.W.copy()
    assert not model.params["layer.b"].any()
    # With ones everywhere, a pixel away from the border counts its products.
    layer.W[...], layer.b[...] = 1, 0
    fan_in = layer.forward(np.ones((1, layer.n_in))).max()
    fan_out = layer.backward(np.ones((1, layer.n_out))).max()
    variance = 2 / fan_in if init == "he" else 2 / (fan_in + fan_out)
    assert np.mean(drawn**2) == pytest.approx(variance, rel=4.5 * np.sqrt(2 / drawn.size))
    assert abs(drawn.mean()) < 4.5 * np.sqrt(variance / drawn.size)


@pytest.mark.parametrize("cls", LAYERS)
def test_config_builds_the_layer_again(cls):
    layer = cls((np.int64(5), 3, 1), 2, 5, 2, 2, "he")
    again = cls(**layer.config)
    assert again.config == layer.config
    assert (again.shapes, again.out_shape) == (layer.shapes, layer.out_shape)
    assert layer.init == again.init == "he"
    assert {type(n) for n in layer.config["shape"]} == {int}


@pytest.mark.parametrize("cls", LAYERS)
def test_bad_arguments_are_named(cls):
    for shape in ((8, 8), (8, 8, 1, 1), 8):
        with complains((TypeError, ValueError), "shape: expected", str(shape)):
            cls(shape, 2)
    with complains(ValueError, "shape", "at least 1", "0"):
        cls((8, 0, 1), 2)
    with complains(TypeError, "channels", "whole number", "2.5"):
        cls((8, 8, 1), 2.5)
    for name in ("channels", "kernel", "stride"):
        with complains(ValueError, name, "at least 1", "0"):
            cls((8, 8, 1), **{"channels": 2} | {name: 0})
    with complains(ValueError, "padding", "at least 0", "-1"):
        cls((8, 8, 1), 2, padding=-1)
    with complains(ValueError, "stride", "at most the kernel, 2", "got 3", "lost"):
        cls((8, 8, 1), 2, kernel=2, stride=3)
    with complains(ValueError, "padding", "less than the kernel, 2", "got 2"):
        cls((8, 8, 1), 2, kernel=2, padding=2)
    with complains(ValueError, "init", "'glorot'", "'zeros'"):
        cls((8, 8, 1), 2, init="zeros")


def test_what_would_lose_pixels_is_refused():
    with complains(ValueError, "kernel", "at most 4", "rows of the padded", "got 5"):
        Conv2d((2, 9, 1), 1, 5, 1, 1)
    with complains(ValueError, "kernel", "at most 4", "columns of the padded", "got 5"):
        Conv2d((9, 2, 1), 1, 5, 1, 1)
    for shape, side in (((7, 8, 1), "rows"), ((8, 7, 1), "columns")):
        with complains(ValueError, f"expected {side}", "such as 8", "got 7", "lost"):
            Conv2d(shape, 1, 4, 2, 1)
    with complains(ValueError, "padding", "half of 4", "columns", "got 2"):
        ConvTranspose2d((2, 1, 1), 1, 4, 2, 2)


@pytest.mark.parametrize("cls", LAYERS)
def test_bad_input_is_named(cls, rng):
    layer = alone(cls((4, 6, 2), 3), rng)
    for shape in ((5, 47), (5, 4, 6, 2), (48,)):
        with complains(ValueError, "x: ", "(any, 48)", str(shape)):
            layer.forward(np.ones(shape))
    for dtype in (np.float32, np.int64):
        with complains(TypeError, "x: ", "float64", np.dtype(dtype).name):
            layer.forward(np.ones((2, 48), dtype))


def test_the_model_in_one_line_halves_the_image_and_doubles_it_again(rng):
    model = VAE.conv((28, 20), 5, (3, 7), activation="relu", rng=rng)
    one, act, two, _ = model.encoder.layers
    assert (one.out_shape, two.shape, two.out_shape) == (
        (14, 10, 3),
        (14, 10, 3),
        (7, 5, 7),
    )
    start, _, up, act2, end = model.decoder.layers
    assert isinstance(start, Linear) and (start.n_in, start.n_out) == (5, 245)
    assert (up.shape, up.out_shape, end.out_shape) == ((7, 5, 7), (14, 10, 3), (28, 20, 1))
    assert type(act) is type(act2) is ReLU
    assert {layer.init for layer in (one, two, start, up, end)} == {"he"}
    assert (model.D, model.K, model.mu_head.n_in) == (560, 5, 245)
    assert isinstance(VAE.conv((4, 4), 1, (2,), rng=rng).encoder.layers[1], Tanh)
    default = VAE.conv((32, 32), 2, rng=rng)
    assert [default.encoder.layers[i].out_shape[2] for i in (0, 2)] == [32, 64]


def test_colour_and_counts(rng):
    model = VAE.conv([4, 6, 3], 2, [5], Binomial(9), rng=rng)
    assert model.encoder.layers[0].factor == 1 / 9
    assert model.encoder.layers[1].shape == model.decoder.layers[-1].out_shape == (4, 6, 3)
    x = rng.integers(0, 10, (3, 72)).astype(np.float32)
    assert np.isfinite(model.loss(x, rng.standard_normal((3, 2), dtype=np.float32)).nelbo)


def test_the_gradient_of_a_whole_convolutional_vae(rng):
    likelihood = Gaussian(0.5, learned=True)
    model = VAE.conv((4, 8), 2, (2, 3), likelihood, rng=rng, dtype=np.float64)
    model.theta += 0.1 * rng.standard_normal(model.theta.size)
    table = check_model(model, rng.standard_normal((3, 32)), rng.standard_normal((3, 2)))
    assert table, str(table)


def test_the_autoencoder_has_it_too(rng):
    model = Autoencoder.conv((4, 4), 2, (3,), Gaussian(0.1), rng=rng)
    x = rng.random((5, 16), dtype=np.float32)
    model.loss(x)
    model.backward()
    assert np.isfinite(model.grad).all() and model.grads["encoder.0.W"].any()
    assert model.reconstruct(x).shape == x.shape


def test_models_that_cannot_be_are_refused(rng):
    with complains(ValueError, "shape", "(rows, columns)", "(8,)"):
        VAE.conv((8,), 2, rng=rng)
    with complains(ValueError, "channels: expected at least one", "none"):
        VAE.conv((8, 8), 2, (), rng=rng)
    with complains(TypeError, "channels", "(32, 64)", "32"):
        VAE.conv((8, 8), 2, 32, rng=rng)
    with complains(ValueError, "channels", "at least 1", "0"):
        VAE.conv((8, 8), 2, (4, 0), rng=rng)
    with complains(ValueError, "K", "at least 1", "0"):
        VAE.conv((8, 8), 0, rng=rng)
    with complains(ValueError, "rows", "such as 8", "got 7"):
        VAE.conv((28, 28), 2, (4, 8, 16), rng=rng)
    with complains(ValueError, "activation", "'tanh'", "'gelu'"):
        VAE.conv((8, 8), 2, activation="gelu", rng=rng)


def test_the_stacks_fit_together_alone(rng):
    encoder, decoder = conv_stacks((8, 8, 1), 3, (2, 4, 6))
    one, other = Sequential(*encoder), Sequential(*decoder)
    assert (one.n_in, one.n_out, other.n_in, other.n_out) == (64, 6, 3, 64)
