"""Weights that go out to PyTorch and come back; PyTorch itself is not needed here."""

import copy

import numpy as np
import pytest
from helpers import complains
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import minivae as mv
from minivae.training.torch_weights import load_state_dict, state_dict, torch_source

LIKELIHOODS = [
    lambda: mv.Binomial(16),
    lambda: mv.Gaussian(0.3),
    lambda: mv.Gaussian(0.3, learned=True),
    lambda: mv.Laplace(0.3, learned=True),
]


def model_of(seed=0, cls=mv.VAE, likelihood=None, dtype=np.float64):
    """A model whose stacks hold a Scale, one stack in another, and a square Linear."""
    rng = np.random.default_rng(seed)
    tail = mv.Sequential(mv.Linear(5, 5), mv.ReLU(), mv.Linear(5, 4))
    encoder = mv.Sequential(mv.Scale(0.5), mv.Linear(6, 5), mv.Softplus(), tail)
    decoder = mv.Sequential(mv.Linear(2, 3), mv.Sigmoid(), mv.Linear(3, 6))
    model = cls(encoder, decoder, likelihood or mv.Gaussian(learned=True), rng, dtype)
    model.theta[...] = rng.standard_normal(model.theta.size)
    return model


NAMES = {
    "encoder.1.weight": (5, 6),
    "encoder.1.bias": (5,),
    "encoder.3.0.weight": (5, 5),
    "encoder.3.0.bias": (5,),
    "encoder.3.2.weight": (4, 5),
    "encoder.3.2.bias": (4,),
    "mu_head.weight": (2, 4),
    "mu_head.bias": (2,),
    "logvar_head.weight": (2, 4),
    "logvar_head.bias": (2,),
    "decoder.0.weight": (3, 2),
    "decoder.0.bias": (3,),
    "decoder.2.weight": (6, 3),
    "decoder.2.bias": (6,),
    "likelihood.log_c": (1,),
}


def test_names_and_shapes_are_those_of_pytorch():
    arrays = state_dict(model_of())
    assert {name: array.shape for name, array in arrays.items()} == NAMES


@pytest.mark.parametrize("name", ["encoder.1", "encoder.3.0", "mu_head"])
def test_a_weight_is_transposed_so_that_pytorchs_linear_is_ours(name, rng):
    model = model_of()
    arrays = state_dict(model)
    W, b = model.params[f"{name}.W"], model.params[f"{name}.b"]
    x = rng.standard_normal((3, len(W)))
    there = np.einsum("bi,oi->bo", x, arrays[f"{name}.weight"]) + arrays[f"{name}.bias"]
    np.testing.assert_allclose(there, x @ W + b, rtol=1e-13)


def test_the_arrays_are_copies_in_c_order():
    model = model_of()
    before = model.theta.copy()
    for name, array in state_dict(model).items():
        assert array.flags.c_contiguous and array.dtype == model.dtype, name
        array[...] = np.nan
        assert_array_equal(model.theta, before, f"{name} is a view of theta")


@pytest.mark.parametrize("cls", [mv.VAE, mv.IWAE, mv.Autoencoder])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_there_and_back_keeps_every_bit(cls, dtype, likelihood):
    one, other = (model_of(seed, cls, likelihood(), dtype) for seed in (1, 2))
    assert (one.theta != other.theta).all()
    load_state_dict(other, state_dict(one))
    assert other.theta.tobytes() == one.theta.tobytes() and other.dtype == dtype


@given(
    hidden=st.lists(st.integers(1, 4), max_size=3),
    D=st.integers(1, 5),
    K=st.integers(1, 5),
    activation=st.sampled_from(["tanh", "relu", "softplus", "sigmoid"]),
    n=st.integers(1, 3),
)
def test_any_mlp_goes_there_and_back(hidden, D, K, activation, n):
    one, other = (
        mv.VAE.mlp(
            D, K, hidden, mv.Binomial(n), activation, rng=np.random.default_rng(seed)
        )
        for seed in (1, 2)
    )
    load_state_dict(other, state_dict(one))
    assert_array_equal(other.theta, one.theta)


def test_another_floating_precision_is_converted():
    model = model_of(dtype=np.float32)
    right = state_dict(model_of(seed=5))
    load_state_dict(model, right)
    assert model.dtype == model.theta.dtype == np.float32
    assert_array_equal(state_dict(model)["mu_head.bias"], np.float32(right["mu_head.bias"]))


def conv_model(seed=0, dtype=np.float64, likelihood=None):
    """Colour images, a Linear on either side of a stack of convolutions in another."""
    rng = np.random.default_rng(seed)
    inner = mv.Sequential(mv.Conv2d((2, 3, 3), 5, 1, 1, 0), mv.Tanh(), mv.Linear(30, 4))
    encoder = mv.Sequential(mv.Scale(0.5), mv.Conv2d((4, 6, 2), 3), mv.ReLU(), inner)
    start = mv.Sequential(mv.Linear(2, 18), mv.Sigmoid())
    decoder = mv.Sequential(start, mv.ConvTranspose2d((2, 3, 3), 2))
    parts = encoder, decoder, likelihood or mv.Gaussian(0.5, learned=True)
    model = mv.VAE(*parts, rng, dtype)
    model.theta[...] = rng.standard_normal(model.theta.size)
    return model


CONV_NAMES = {
    "encoder.2.weight": (3, 2, 4, 4),  # behind Scale and Unflatten
    "encoder.2.bias": (3,),
    "encoder.4.0.weight": (5, 3, 1, 1),
    "encoder.4.0.bias": (5,),
    "encoder.4.3.weight": (4, 30),  # behind Flatten
    "encoder.4.3.bias": (4,),
    "mu_head.weight": (2, 4),
    "mu_head.bias": (2,),
    "logvar_head.weight": (2, 4),
    "logvar_head.bias": (2,),
    "decoder.0.0.weight": (18, 2),
    "decoder.0.0.bias": (18,),
    "decoder.2.weight": (3, 2, 4, 4),
    "decoder.2.bias": (2,),
    "likelihood.log_c": (1,),
}


def test_convolutions_have_pytorchs_names_shapes_and_modules():
    model = conv_model()
    arrays = state_dict(model)
    assert {name: array.shape for name, array in arrays.items()} == CONV_NAMES
    source = torch_source(model)
    assert (
        "self.encoder = nn.Sequential(Scale(0.5), nn.Unflatten(1, (2, 4, 6)),"
        " nn.Conv2d(2, 3, 4, 2, 1), nn.ReLU(), nn.Sequential(nn.Conv2d(3, 5, 1, 1, 0),"
        " nn.Tanh(), nn.Flatten(), nn.Linear(30, 4)))\n"
    ) in source
    assert (
        "self.decoder = nn.Sequential(nn.Sequential(nn.Linear(2, 18), nn.Sigmoid()),"
        " nn.Unflatten(1, (3, 2, 3)), nn.ConvTranspose2d(3, 2, 4, 2, 1), nn.Flatten())\n"
    ) in source
    compile(source, "source", "exec")


def test_the_numbers_of_an_image_are_channels_first_in_pytorch():
    model = conv_model()
    arrays, W = state_dict(model), model.params["encoder.3.2.W"]
    start, b = model.params["decoder.0.0.W"], model.params["decoder.0.0.b"]
    for row, column, channel in np.ndindex(2, 3, 5):
        there, here = (channel * 2 + row) * 3 + column, (row * 3 + column) * 5 + channel
        assert_array_equal(arrays["encoder.4.3.weight"][:, there], W[here])
    for row, column, channel in np.ndindex(2, 3, 3):
        there, here = (channel * 2 + row) * 3 + column, (row * 3 + column) * 3 + channel
        assert_array_equal(arrays["decoder.0.0.weight"][there], start[:, here])
        assert arrays["decoder.0.0.bias"][there] == b[here]
    for c_in, c_out, i, j in np.ndindex(2, 3, 4, 4):
        came = arrays["encoder.2.weight"][c_out, c_in, i, j]
        assert came == model.params["encoder.1.W"][i, j, c_in, c_out]
        came = arrays["decoder.2.weight"][c_out, c_in, i, j]
        assert came == model.params["decoder.1.W"][i, j, c_in, c_out]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolutions_there_and_back_keep_every_bit(dtype):
    one, other = (conv_model(seed, dtype) for seed in (1, 2))
    load_state_dict(other, state_dict(one))
    assert other.theta.tobytes() == one.theta.tobytes()
    arrays = state_dict(one)
    arrays["encoder.2.weight"] = one.params["encoder.1.W"]
    before = other.theta.copy()
    with complains(ValueError, "encoder.2.weight: expected shape (3, 2, 4, 4)", "(4, 4,"):
        load_state_dict(other, arrays)
    assert_array_equal(other.theta, before)


def test_pixels_in_colour_are_reordered_where_only_one_stack_has_convolutions():
    order = np.arange(24).reshape(3, 4, 2).transpose(2, 0, 1).ravel()
    rng = np.random.default_rng(0)

    def linear(n_in, n_out):
        return mv.Sequential(mv.Linear(n_in, n_out))

    def up():
        return mv.Sequential(mv.Linear(2, 24), mv.Conv2d((3, 4, 2), 2, 3, 1, 1))

    model = mv.VAE(linear(24, 5), up(), mv.Gaussian(), rng)
    W = model.params["encoder.0.W"]
    assert_array_equal(state_dict(model)["encoder.0.weight"], W[order].T)
    model = mv.VAE(mv.Sequential(), up(), mv.Gaussian(), rng)
    W = model.params["mu_head.W"]
    assert_array_equal(state_dict(model)["mu_head.weight"], W[order].T)
    down = mv.Sequential(mv.Conv2d((3, 4, 2), 2, 3, 1, 1))
    model = mv.VAE(down, linear(2, 24), mv.Gaussian(), rng)
    arrays = state_dict(model)
    assert_array_equal(arrays["decoder.0.weight"], model.params["decoder.0.W"][:, order].T)
    assert_array_equal(arrays["mu_head.weight"], model.params["mu_head.W"][order].T)


def test_what_pytorch_cannot_follow_is_refused():
    rng = np.random.default_rng(0)
    one = mv.Conv2d((4, 4, 1), 4, 2, 2, 0)
    for shape, word in (((4, 4, 1), "convolution of the shape"), ((2, 2, 4), None)):
        other = mv.Conv2d(shape, 1, 1, 1, 0)
        parts = mv.Sequential(one, other), mv.Sequential(mv.Linear(2, 16)), mv.Gaussian()
        model = mv.VAE(*copy.deepcopy(parts), rng)
        if word is None:
            state_dict(model)
            continue
        for go in (state_dict, torch_source):
            with complains(ValueError, word, "(2, 2, 4)", "(4, 4, 1)"):
                go(model)
    for decoder, word in (
        (mv.Sequential(mv.ConvTranspose2d((1, 1, 2), 1, 4, 1, 0)), "a Linear before"),
        (
            mv.Sequential(mv.Linear(2, 4), mv.ConvTranspose2d((2, 2, 1), 4, 1, 1, 0)),
            "(2, 2",
        ),
    ):
        encoder = mv.Sequential(copy.deepcopy(one))
        with complains(ValueError, "decoder: expected", word):
            state_dict(mv.VAE(encoder, decoder, mv.Gaussian(), rng))


def spoilt(change):
    arrays = state_dict(model_of(seed=7))
    change(arrays)
    return arrays


def infinite(arrays):
    arrays["decoder.2.weight"][4, 1] = np.inf


@pytest.mark.parametrize(
    "kind, change, parts",
    [
        (
            ValueError,
            lambda a: a.pop("mu_head.bias"),
            [
                "expected the 15 names",
                "got 14; missing: mu_head.bias; not in the model: none",
            ],
        ),
        (
            ValueError,
            lambda a: a.update({"encoder.0.weight": a.pop("encoder.1.weight")}),
            ["missing: encoder.1.weight; not in the model: encoder.0.weight", "place"],
        ),
        (
            ValueError,
            lambda a: a.update(steps=np.zeros(1)),
            ["got 16; missing: none; not in the model: steps."],
        ),
        (ValueError, lambda a: a.clear(), ["got 0; missing: encoder.1.weight, "]),
        (
            ValueError,
            lambda a: a.update({"decoder.2.weight": a["decoder.2.weight"].T}),
            ["decoder.2.weight: expected shape (6, 3), (n_out, n_in)", "its transpose"],
        ),
        (
            ValueError,
            lambda a: a.update({"decoder.2.bias": np.zeros(5)}),
            ["decoder.2.bias: expected shape (6,), got (5,)"],
        ),
        (
            ValueError,
            lambda a: a.update({"likelihood.log_c": np.array(0.5)}),
            ["likelihood.log_c: expected shape (1,), got ()"],
        ),
        (
            ValueError,
            lambda a: a.update({"decoder.2.bias": np.zeros(0)}),
            ["decoder.2.bias: expected data, got an empty array"],
        ),
        (
            ValueError,
            infinite,
            ["decoder.2.weight: expected finite", "inf at index (4, 1)"],
        ),
        (
            TypeError,
            lambda a: a.update({"decoder.2.bias": np.zeros(6, int)}),
            ["decoder.2.bias: expected real floating-point values, got dtype int64"],
        ),
        (
            TypeError,
            lambda a: a.update({"decoder.2.bias": np.zeros(6, complex)}),
            ["decoder.2.bias: expected real floating-point values, got dtype complex128"],
        ),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(kind, change, parts):
    model = model_of()
    before = model.theta.copy()
    with complains(kind, *parts):
        load_state_dict(model, spoilt(change))
    assert_array_equal(model.theta, before)


def test_what_overflows_the_models_precision_is_refused():
    model = model_of(dtype=np.float32)
    large = spoilt(lambda a: a.update({"decoder.2.bias": np.full(6, 1e39)}))
    with complains(ValueError, "decoder.2.bias: expected finite values, got inf"):
        load_state_dict(model, large)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_the_prefix_of_a_wrapper_is_recognised(prefix):
    arrays = {prefix + name: array for name, array in state_dict(model_of()).items()}
    with complains(ValueError, f"behind {prefix!r}", f"wrapper.{prefix}state_dict()"):
        load_state_dict(model_of(), arrays)


def test_a_model_that_is_not_finite_does_not_go_out():
    model = model_of()
    model.params["mu_head.b"][1] = np.nan
    with complains(ValueError, "theta: expected finite values, got nan"):
        state_dict(model)


def test_the_source_has_the_layers_in_order_and_scale_only_where_it_is_used():
    source = torch_source(model_of())
    assert source.startswith("class Scale(nn.Module):")
    assert (
        "self.encoder = nn.Sequential(Scale(0.5), nn.Linear(6, 5), nn.Softplus(),"
        " nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 4)))\n"
    ) in source
    assert 'self.likelihood = nn.ParameterDict({"log_c": torch.zeros(1)})\n' in source
    compile(source, "source", "exec")
    plain = torch_source(mv.Autoencoder.mlp(6, 2, rng=np.random.default_rng(0)))
    assert "Scale" not in plain and "likelihood" not in plain
    assert "self.code_head = nn.Linear(256, 2)\n" in plain


@pytest.mark.parametrize("stack", ["mlp", "conv"])
def test_a_condition_goes_there_and_back_and_computes_the_same(stack):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    rest = {"condition": 3, "rng": rng, "dtype": np.float64}
    if stack == "mlp":
        model = mv.VAE.mlp(16, 2, (5,), mv.Binomial(4), **rest)
    else:
        model = mv.VAE.conv((4, 4), 2, (2,), mv.Binomial(4), **rest)
    names = {"torch": torch, "nn": torch.nn}
    exec(torch_source(model), names)
    module = names["Model"]().double()
    weights = {name: torch.from_numpy(a) for name, a in state_dict(model).items()}
    module.load_state_dict(weights)
    x, z = rng.integers(0, 5, (6, 16)).astype(float), rng.standard_normal((6, 2))
    labels = np.array([0, 2, 1, 1, 0, 2])
    for part in module.modules():
        if type(part).__name__ == "Condition":
            part.labels = torch.from_numpy(np.eye(3)[labels])
    under = model.given(labels)
    with torch.no_grad():
        mu = module.mu_head(module.encoder(torch.from_numpy(x))).numpy()
        y = module.decoder(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(mu, under.posterior_mean(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y, under.decoder_output(z), rtol=1e-12, atol=1e-13)
    before = model.theta.copy()
    model.theta[...] = 0
    load_state_dict(model, {name: value.numpy() for name, value in weights.items()})
    assert model.theta.tobytes() == before.tobytes()
