"""The options: what each becomes, what is refused and in which words."""

import functools
import re

import numpy as np
import pytest

from minivae import (
    IWAE,
    SGD,
    VAE,
    Adam,
    Autoencoder,
    cli,
    conv,
    layers,
)
from minivae.cli import options, parser, training
from minivae.datasets import load_digits, load_faces
from minivae.plots import drawing
from minivae.training import checkpoints

COMMANDS = ("train", "evaluate", "sample")


def started(*words):
    """The checkpoint that `minivae train` would begin with."""
    arguments = cli.build_parser().parse_args(["train", *map(str, words)])
    return options.new_training(arguments, options.load_data(arguments))


def widths(model):
    stack = [*model.encoder.layers, *model.decoder.layers]
    return [layer.n_out for layer in stack if isinstance(layer, layers.Linear)]


def test_the_defaults_are_those_that_help_states():
    saved = started()
    assert type(saved.model) is VAE and saved.model.K == 16
    assert widths(saved.model) == [256, 256, 64]
    assert any(isinstance(layer, layers.Tanh) for layer in saved.model.encoder.layers)
    assert type(saved.model.likelihood).__name__ == "Binomial"
    assert saved.model.likelihood.n == 16
    assert type(saved.optimizer) is Adam and saved.optimizer.lr == 2e-3
    assert saved.settings == {
        "batch_size": 100, "binarize": "none", "beta": 1.0, "free_bits": 0.0,
        "samples": 1,
    }  # fmt: skip
    assert started("--optimizer", "sgd").optimizer.lr == 5e-4


def test_every_model_option_reaches_the_model():
    saved = started(
        *"--model iwae --latent 3 --hidden 12 9 --activation relu --optimizer sgd".split(),
        *"--lr 0.25 --beta 0.5 --batch-size 7".split(),
    )
    assert type(saved.model) is IWAE and saved.model.K == 3
    assert widths(saved.model) == [12, 9, 9, 12, 64]
    assert any(isinstance(layer, layers.ReLU) for layer in saved.model.decoder.layers)
    assert type(saved.optimizer) is SGD and saved.optimizer.lr == 0.25
    assert saved.settings["beta"] == 0.5 and saved.settings["batch_size"] == 7
    assert saved.settings["samples"] == 5


@pytest.mark.parametrize(("words", "channels"), [("", [32, 64]), ("4 6", [4, 6])])
@pytest.mark.parametrize("kind", ["vae", "iwae", "autoencoder"])
def test_convolutions_take_the_place_of_the_hidden_layers(words, channels, kind):
    options = f"--conv {words} --model {kind} --activation relu --latent 3"
    model = started(*options.split()).model
    assert type(model).__name__.lower() == kind and model.K == 3
    convolutions = [m for m in model.encoder.layers if isinstance(m, conv.Conv2d)]
    assert [layer.out_shape[2] for layer in convolutions] == channels
    assert convolutions[0].shape == (8, 8, 1) and convolutions[0].init == "he"


def test_a_convolutional_model_goes_all_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "DPI", 30)
    words = "train --conv 3 4 --latent 2 --batch-size 500 --epochs"
    with monkeypatch.context() as without_figures:
        without_figures.setattr(training, "_draw", lambda *arguments: None)
        assert cli.main([*words.split(), "2", "--out", f"{tmp_path}/one"]) == 0
        assert cli.main([*words.split(), "3", "--out", f"{tmp_path}/whole"]) == 0
    model = f"{tmp_path}/one/model.npz"
    words = f"train --resume {model} --epochs 3 --out {tmp_path}/two"
    assert cli.main(words.split()) == 0
    theta, whole = (
        checkpoints.load(f"{tmp_path}/{name}/model.npz").model.theta
        for name in ("two", "whole")
    )
    np.testing.assert_array_equal(theta, whole)
    assert (tmp_path / "two" / "manifold.png").exists()
    assert cli.main(["sample", model, "-n", "3", "--out", f"{tmp_path}/three.npy"]) == 0
    assert np.load(f"{tmp_path}/three.npy").shape == (3, 8, 8)
    assert cli.main(["evaluate", model]) == 0
    assert cli.main(["export", model, "--out", f"{tmp_path}/weights.npz"]) == 0


def test_the_options_of_the_objective_and_the_rate_reach_fit():
    saved = started(
        *"--warmup 3 --beta 0.5 --free-bits 0.25 --schedule cosine --lr 0.1".split(),
        *"--batch-size 100 --epochs 7".split(),
    )
    beta, lr = saved.settings["beta"], saved.optimizer.lr
    assert saved.settings["free_bits"] == 0.25
    steps = 15  # of an epoch: 1497 images by the hundred
    assert [beta(0), beta(3 * steps), beta(9999)] == [0, 0.5, 0.5]
    assert beta(3 * steps - 1) < 0.5
    assert lr(0) == 0.1 and lr(7 * steps) == 0 < lr(7 * steps - 1)


def test_zero_and_nothing_are_values_of_their_own():
    saved = started("--beta", 0, "--hidden", "--model", "autoencoder", "--samples", 3)
    assert type(saved.model) is Autoencoder
    assert saved.settings["beta"] == 0.0 and saved.settings["samples"] == 3
    assert widths(saved.model) == [64], "no hidden layers: encoder of none, decoder of one"


@pytest.mark.parametrize(
    ("words", "name", "binarize", "attributes"),
    [
        ("--likelihood binomial", "Binomial", "none", {"n": 16}),
        ("--likelihood bernoulli", "Bernoulli", "stochastic", {"grey": False}),
        ("--likelihood bernoulli --binarize threshold", "Bernoulli", "threshold", {}),
        ("--binarize stochastic", "Bernoulli", "stochastic", {"grey": False}),
        ("--likelihood bernoulli-grey", "Bernoulli", "none", {"grey": True}),
        ("--likelihood gaussian:0.05", "Gaussian", "none", {"c": 0.05, "learned": False}),
        ("--likelihood gaussian", "Gaussian", "none", {"learned": True}),
        ("--likelihood laplace:2", "Laplace", "none", {"b": 2.0, "learned": False}),
        ("--likelihood laplace", "Laplace", "none", {"learned": True}),
    ],
)
def test_likelihoods_and_what_they_need_of_the_pixels(words, name, binarize, attributes):
    saved = started(*words.split())
    assert type(saved.model.likelihood).__name__ == name
    assert saved.settings["binarize"] == binarize
    for key, value in attributes.items():
        assert getattr(saved.model.likelihood, key) == pytest.approx(value), key


def test_a_learned_variance_starts_at_that_of_the_pixels():
    pixels = load_digits().train[:1000] / 16
    assert started("--likelihood", "gaussian").model.likelihood.c == pytest.approx(
        pixels.var(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("pixels", "name", "binarize"),
    [
        (np.eye(6, dtype=bool), "Bernoulli", "none"),
        (np.arange(36, dtype=np.uint8).reshape(6, 6), "Gaussian", "none"),
        (np.linspace(-2, 3, 36).reshape(6, 6), "Gaussian", "none"),
    ],
)
def test_the_default_likelihood_fits_ones_own_images(tmp_path, pixels, name, binarize):
    np.save(tmp_path / "own.npy", pixels)
    saved = started("--data", tmp_path / "own.npy")
    assert type(saved.model.likelihood).__name__ == name
    assert saved.settings["binarize"] == binarize


def test_faces_go_all_the_way(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(drawing, "DPI", 30)
    few = functools.partial(load_faces, train=30, test=12, size=12)
    monkeypatch.setattr(options, "load_faces", few)
    out = str(tmp_path / "run")
    words = f"train --data faces --hidden 4 --latent 2 --epochs 2 --out {out}"
    assert cli.main(words.split()) == 0
    saved = checkpoints.load(f"{out}/model.npz")
    assert saved.model.likelihood.learned and saved.data["name"] == "faces"
    assert saved.settings["binarize"] == "none"
    assert cli.main(["evaluate", f"{out}/model.npz"]) == 0
    assert "12 test images of faces" in capsys.readouterr().out
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    words = f"train --resume {out}/model.npz --epochs 3 --out {out}-2"
    assert cli.main(words.split()) == 0
    assert len(checkpoints.load(f"{out}-2/model.npz").history) == 3


def test_real_values_are_told_of_and_come_back_in_their_own_units(
    tmp_path, capsys, rng, monkeypatch
):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    own = str(tmp_path / "own.npy")
    np.save(own, rng.integers(0, 17, (60, 15)).astype(np.float32))
    words = f"train --data {own} --shape 3x5 --hidden 4 --epochs 2 --out {tmp_path}/run"
    assert cli.main(words.split()) == 0
    notes = capsys.readouterr().err
    assert "whole numbers stored as floats; --max-count 16 takes them as counts" in notes
    assert "real values, standardised as (x - " in notes
    assert cli.main(["train", "--data", own, "--likelihood", "binomial"]) == 2
    assert "expected one for real values, gaussian or laplace" in capsys.readouterr().err
    model, out = f"{tmp_path}/run/model.npz", f"{tmp_path}/a.npy"
    data = checkpoints.load(model).data
    assert data["shape"] == (3, 5) and 4 < data["scale"] < 6
    assert cli.main(["evaluate", model, "--data", own]) == 0  # in the model's units
    assert cli.main(["sample", model, "--draw-pixels", "--out", out]) == 0
    samples = np.load(out)
    assert samples.shape == (64, 3, 5) and 6 < samples.mean() < 10 and 3 < samples.std() < 7
    assert cli.main(["sample", model, "-n", "10001", "--out", f"{tmp_path}/a.png"]) == 2
    assert "-n: expected at most 10000 for a picture" in capsys.readouterr().err
    counts = started("--data", own, "--max-count", 16)
    assert counts.model.likelihood.n == 16


def test_constant_images_are_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    np.save(tmp_path / "own.npy", np.full((60, 16), 7.3, np.float32))
    words = f"train --data {tmp_path}/own.npy --epochs 300 --out {tmp_path}/run"
    assert cli.main(words.split()) == 0
    # Rounding leaves equal values a variance of 1e-34, no start for a learned one.
    for value in np.linspace(0.05, 0.95, 10):
        np.save(tmp_path / "own.npy", np.full((60, 16), value))
        c = started("--data", tmp_path / "own.npy").model.likelihood.c
        assert c == pytest.approx(1), value


def test_ones_own_images_go_all_the_way(tmp_path, capsys, rng, monkeypatch):
    monkeypatch.setattr(drawing, "DPI", 30)
    np.savez(tmp_path / "own.npz", images=rng.integers(0, 256, (12, 3, 5)))
    own, out = str(tmp_path / "own.npz"), str(tmp_path / "run")
    words = f"train --data {own} --hidden 4 --latent 1 --epochs 2 --out {out}"
    assert cli.main(words.split()) == 0
    model = f"{out}/model.npz"
    assert cli.main(["evaluate", model]) == 2
    assert "--data: expected the file of 'own'" in capsys.readouterr().err
    assert cli.main(["evaluate", model, "--data", own]) == 0
    assert "1 test images of own" in capsys.readouterr().out
    assert cli.main(["evaluate", model, "--data", "digits"]) == 2
    wanted = "images like those the model was trained on, with max_count 255"
    assert wanted in capsys.readouterr().err, "the first thing that differs, always"
    assert cli.main(["sample", model, "-n", "2", "--out", f"{out}/two.npy"]) == 0
    assert np.load(f"{out}/two.npy").shape == (2, 3, 5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --latent 0", r"--latent: expected a whole number of at least 1, got '0'"),
        ("train --latent x", r"--latent: expected a whole number of at least 1, got 'x'"),
        ("train --hidden 8 0", r"--hidden: expected a whole number of at least 1, got '0'"),
        ("train --epochs 2.5", r"--epochs: expected a whole number .*, got '2.5'"),
        ("train --batch-size -1", r"--batch-size: expected a whole .*, got '-1'"),
        ("train --seed -1", r"--seed: expected a whole number of at least 0, got '-1'"),
        (
            "train --beta -0.5",
            r"--beta: expected a finite number of at least 0, got '-0.5'",
        ),
        ("train --beta nan", r"--beta: expected a finite number of at least 0, got 'nan'"),
        ("train --lr 0", r"--lr: expected a finite number above 0, got '0'"),
        ("train --lr inf", r"--lr: expected a finite number above 0, got 'inf'"),
        ("train --model gan", r"--model: invalid choice: 'gan' \(choose from '?vae"),
        ("train --optimizer lion", r"--optimizer: invalid choice: 'lion'"),
        ("train --activation gelu", r"--activation: invalid choice: 'gelu'"),
        ("train --binarize maybe", r"--binarize: invalid choice: 'maybe'"),
        ("train --colour red", r"unrecognized arguments: --colour red"),
        ("train --epoch 3", r"unrecognized arguments: --epoch 3"),
        ("train --likelihood poisson", r"--likelihood: expected one of .*, got 'poisson'"),
        (
            "train --likelihood gaussian:x",
            r"--likelihood: .* gaussian\[:c\], .* 'gaussian:x'",
        ),
        ("train --likelihood gaussian:-1", r"--likelihood: .* got 'gaussian:-1'"),
        ("train --likelihood bernoulli:2", r"--likelihood: .* got 'bernoulli:2'"),
        (
            "train --likelihood bernoulli --binarize none",
            r"Bernoulli.*|likelihood: expected",
        ),
        ("train --warmup 0", r"--warmup: expected a whole number of at least 1, got '0'"),
        ("train --free-bits -1", r"--free-bits: expected a finite number .*, got '-1'"),
        ("train --schedule linear", r"--schedule: invalid choice: 'linear'"),
        ("train --patience 0", r"--patience: expected a whole number of .*, got '0'"),
        ("train --model autoencoder --free-bits 1", r"free_bits: expected 0"),
        ("train --resume x.npz --schedule cosine", r"--schedule: expected none with --r"),
        ("train --resume ", r"--resume: expected a name, got ''"),
        ("train --data ", r"--data: expected a name, got ''"),
        ("train --out ", r"--out: expected a name, got ''"),
        ("train --data mnist --data-dir ", r"--data-dir: expected a name, got ''"),
        ("check ", r"MODEL: expected a name, got ''"),
        ("evaluate ", r"MODEL: expected a name, got ''"),
        ("train --latent 99999999999", r"not enough memory|Maximum allowed|too big"),
        ("train --hidden 99999999999", r"not enough memory|Maximum allowed|too big"),
        (
            "train --data nowhere.npz",
            r"--data: expected digits, faces, mnist, or .* 'nowhere.npz'",
        ),
        ("train --shape 28", r"--shape: expected ROWSxCOLUMNS, 28x20, got '28'"),
        ("train --shape 8x8", r"--shape, --max-count: expected only with data of your own"),
        ("train --max-count 256", r"--max-count: expected .* at most 255, got '256'"),
        ("evaluate x.npz --samples 100000000", r"--samples: expected .* at most 10000"),
        ("evaluate x.npz --importance 0", r"--importance: expected a whole number of at"),
        ("train --data-dir .", r"--data-dir: expected only with --data mnist, .* digits"),
        ("train --data mnist --data-dir nowhere", r"folder: nowhere lacks train-images"),
        ("train --model iwae --beta 2", r"beta: .* 2"),
        ("train --resume nowhere.npz", r"nowhere.npz: No such file"),
        (
            "train --resume x.npz --latent 3",
            r"--latent: expected none with --resume, got 3",
        ),
        ("evaluate", r"the following arguments are required: MODEL"),
        ("evaluate nowhere.npz", r"nowhere.npz: No such file"),
        ("sample nowhere.npz -n 0", r"-n: expected a whole number of at least 1, got '0'"),
        ("", r"the following arguments are required: COMMAND"),
        ("trian", r"COMMAND: invalid choice: 'trian'"),
    ],
)
def test_wrong_use_is_answered_in_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        # An unset variable of the shell leaves an empty word behind an option.
        code = cli.main([w for w in words.split(" ") if w or words.endswith(" ")])
    except SystemExit as stopped:  # this is how argparse ends
        code = stopped.code
    captured = capsys.readouterr()
    assert code in (1, 2) and captured.out == ""
    assert re.search(message, captured.err), captured.err
    assert captured.err.count("\n") == 1 and captured.err.startswith("minivae")
    assert list(tmp_path.iterdir()) == [], "wrong use must leave nothing behind"


SETTLED = """model=vae conditional likelihood=gaussian latent=2 hidden=3 conv=4
activation=relu binarize=none beta=0 warmup=1 free-bits=0 samples=1 batch-size=9
optimizer=sgd lr=1 schedule=cosine seed=0"""


@pytest.mark.parametrize("option", SETTLED.split())
def test_what_the_model_file_settles_is_refused_beside_resume(option):
    words = ["train", "--resume", "nowhere.npz", f"--{option}"]
    name = option.partition("=")[0]
    with pytest.raises(ValueError, match=f"--{name}: expected none with --resume, got "):
        options.resumed(cli.build_parser().parse_args(words))


def test_what_may_be_given_beside_resume():
    free = "data=x data-dir=x shape=8x8 max-count=9 epochs=9 patience=9 out=x".split()
    words = ["train", "--resume", "nowhere.npz", *(f"--{option}" for option in free)]
    with pytest.raises(FileNotFoundError):
        options.resumed(cli.build_parser().parse_args(words))


def test_a_training_that_is_done_is_not_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    words = f"train --hidden 3 --epochs 2 --out {tmp_path / 'run'}".split()
    assert cli.main(words) == 0
    path = tmp_path / "run/model.npz"
    assert cli.main(["train", "--resume", str(path), "--epochs", "1"]) == 2
    assert "--epochs: expected more than the 2 done, got 1" in capsys.readouterr().err
    checkpoints.save(path, checkpoints.load(path).model)
    assert cli.main(["train", "--resume", str(path), "--epochs", "3"]) == 2
    assert "--resume: expected a checkpoint of a training" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(command, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    subparsers = next(a for a in cli.build_parser()._actions if a.dest == "command")
    for action in subparsers.choices[command]._actions:
        assert action.help, f"{command} {action.option_strings} has no help"
        flag = action.nargs == 0
        if (
            action.option_strings
            and not flag
            and action.dest
            not in (
                "data_dir",
                "resume",
            )
        ):
            assert "(default:" in action.help, f"{action.option_strings}: no default stated"
        assert all(option in text for option in action.option_strings)


def test_the_examples_in_help_are_commands():
    examples = re.findall(
        r"^  minivae (.+?)(?:   .*)?$", parser.OVERVIEW + training.__doc__, re.M
    )
    assert len(examples) >= 8
    for example in examples:
        if not example.endswith("--help"):
            cli.build_parser().parse_args(example.split())


def test_a_condition_has_as_many_columns_as_there_are_classes_or_factors(monkeypatch):
    few = functools.partial(load_faces, train=30, test=12, size=12)
    monkeypatch.setattr(options, "load_faces", few)
    assert started().model.C == 0
    assert started("--conditional").model.C == 10
    assert started("--conditional", "--conv", "4").model.C == 10
    faces = started("--data", "faces", "--conditional", "--hidden", "4")
    assert faces.model.C == 6


def test_a_condition_without_labels_or_factors_is_refused(tmp_path, capsys):
    np.save(tmp_path / "own.npy", np.zeros((20, 2, 2), np.uint8))
    assert cli.main(["train", "--data", str(tmp_path / "own.npy"), "--conditional"]) == 2
    wanted = "--conditional: expected data with labels or factors, got <Images 'own'"
    assert wanted in capsys.readouterr().err


def test_digits_are_ink_on_paper_and_other_images_light_on_a_screen():
    names = ("digits", "mnist", "faces", "photos.npz")
    assert [options.colours(name) for name in names] == ["gray_r"] * 2 + ["gray"] * 2
