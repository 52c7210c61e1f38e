"""The scripts in benchmarks/ at a tiny size, so that they cannot rot."""

import csv
import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import mpi

from minivae import VAE, Binomial, Gaussian
from minivae.datasets.images import Images
from minivae.ladder import Row, Table
from minivae.ladder import climb as real
from minivae.training import checkpoints

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, and let `main` be called with arguments."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name, *argv):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, argv)])
        return importlib.import_module(name)

    return load


@pytest.fixture
def tiny(rng):
    pixels = rng.integers(0, 256, (90, 784), dtype=np.uint8)
    return Images(pixels[:60], pixels[60:], 255, (28, 28), "mnist")


def run_burda(script, monkeypatch, images, *argv):
    burda = script("burda", *argv)
    monkeypatch.setattr(burda, "load_mnist", lambda folder: images)
    burda.main()
    return burda


def test_burda_trains_evaluates_and_goes_on_where_it_stopped(
    script, monkeypatch, tiny, tmp_path, capsys
):
    arguments = [tmp_path / "whole", "--passes", 4, "--test-samples", 10]
    run_burda(script, monkeypatch, tiny, *arguments)
    (result,) = tmp_path.glob("whole/*/result.json")
    whole = json.loads(result.read_text())
    assert whole["passes"] == 4 and whole["test_images"] == 30
    assert 400 < whole["nll"] < 700 and whole["nll_error"] > 0  # chance is 784 log 2 = 543
    curve = np.genfromtxt(result.with_name("curve.csv"), delimiter=",", names=True)
    assert list(curve["epoch"]) == [1, 2, 3, 4]
    assert result.with_name("samples.png").stat().st_size > 1000

    # stopped after the stage that ends with pass 1, as by a kill: the checkpoint is there
    burda = script("burda", tmp_path / "half", *arguments[1:])
    fit, calls = burda.fit, []

    def stopped(*args, **settings):
        if calls:
            raise SystemExit
        calls.append(settings["epochs"])
        return fit(*args, **settings)

    monkeypatch.setattr(burda, "fit", stopped)
    with pytest.raises(SystemExit):
        burda.main()
    assert 1 <= calls[0] < 4
    monkeypatch.setattr(burda, "fit", fit)
    burda.main()
    (result,) = tmp_path.glob("half/*/result.json")
    assert json.loads(result.read_text())["nll"] == whole["nll"], "not the same bits"


def test_burda_evaluates_the_same_from_either_end(script, monkeypatch, tiny, tmp_path):
    found = []
    for extra in ([], ["--backwards"]):
        folder = tmp_path / str(len(extra))
        burda = script("burda", folder, "--passes", 1, "--test-samples", 3, *extra)
        monkeypatch.setattr(burda, "PORTION", 10)
        run_burda(script, monkeypatch, tiny, *sys.argv[1:])
        (result,) = folder.glob("*/result.json")
        found.append(json.loads(result.read_text())["nll"])
    assert found[0] == found[1]


def test_burda_has_the_published_settings(script):
    burda = script("burda", "runs")
    lr = burda.rates(burda.parse_arguments(), 60_000)
    ends = 3000 * np.cumsum([3**i for i in range(8)])
    assert ends[-1] == 3280 * 3000
    for i, end in enumerate(ends):
        assert lr(int(end) - 1) == pytest.approx(1e-3 * 10 ** (-i / 7)), f"stage {i}"
    assert lr(0) == 1e-3 and lr(3000) < 1e-3 and lr(10**9) == pytest.approx(1e-4)
    args = burda.parse_arguments()
    assert (args.batch, args.test_samples, args.passes) == (20, 5000, 3280)


def test_burda_starts_from_the_mean_image(script, tiny, rng):
    model = script("burda").build("iwae", tiny, rng)
    assert [layer.n_out for layer in model.encoder.layers[::2]] == [200, 200]
    assert (model.K, type(model).__name__) == (50, "IWAE")
    mean = model.likelihood.mean(model.params["decoder.4.b"])
    np.testing.assert_allclose(mean, tiny.train.mean(axis=0) / 255, rtol=1e-5)


def test_curves_of_finished_runs_are_drawn(script, monkeypatch, tiny, tmp_path):
    run_burda(script, monkeypatch, tiny, tmp_path, "--passes", 2, "--test-samples", 2)
    curves = script("burda_curves", tmp_path, tmp_path / "curves.png")
    curves.main()
    assert (tmp_path / "curves.png").stat().st_size > 5000
    (result,) = tmp_path.glob("*/result.json")
    runs = len(curves.COLORS) + 1  # more than there are colours: none is left out
    curves.draw([result] * runs, tmp_path / "many.png")
    labels = curves.plt.gca().get_legend().get_texts()
    assert len(labels) == runs + 1, f"{runs} runs and the published number, got {labels}"


def test_step_compares_the_engines_that_are_there(script, tmp_path, capfd):
    engines = ["minivae", "matrix products"]
    arguments = ["--small", "--rounds", 1, "--seconds", 0.01, "--threads", 1]
    step = script("step", tmp_path, *arguments, "--engines", *engines)
    step.main()
    with open(tmp_path / "step.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["matrix products"]) < float(row["minivae"]) < 1
    assert (tmp_path / "step.png").stat().st_size > 5000
    assert "geometric mean" in capfd.readouterr().out


def test_step_compares_convolutions(script, tmp_path, capfd):
    arguments = ["--conv", "--small", "--rounds", 1, "--seconds", 0.01, "--threads", 1]
    script("step", tmp_path, *arguments, "--engines", "minivae").main()
    with open(tmp_path / "step_conv.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["shape"] for row in rows] == [
        "layer 8x8, 1→2, B = 3",
        "mnist 8x8, 2, B = 3, K = 2",
    ]
    assert all(0 < float(row["minivae"]) < 1 for row in rows)
    assert capfd.readouterr().out.count("geometric mean") == 2, "layers and models apart"


def test_the_convolutions_of_pytorch_still_run(script):
    pytest.importorskip("torch")
    for shape in script("step").CONV_SMALL:
        script("engines").torch_conv(*shape)()


def written(script, monkeypatch, folder, name, *argv, **changed):
    """The table that a script writes beside itself, written into a folder instead."""
    program = script(name, *argv)
    monkeypatch.setattr(program, "__file__", str(folder / f"{name}.py"))
    for function, value in changed.items():
        monkeypatch.setattr(program, function, value)
    program.main()
    with open(FOLDER / f"{name}.csv", newline="", encoding="utf-8") as file:
        kept = csv.DictReader(file).fieldnames  # what chapter 15 reads
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restkey="too many")
        rows = list(reader)
    assert reader.fieldnames == kept, f"{name}.csv: expected {kept}"
    whole = [row.keys() == set(kept) and None not in row.values() for row in rows]
    assert all(whole), f"{name}.csv: a row is short or long: {rows}"
    return rows


def test_longer_writes_two_bounds_of_three_models_for_each_seed(
    script, monkeypatch, tmp_path, rng
):
    few = Images(*rng.integers(0, 17, (2, 12, 64), dtype=np.uint8), 16, (8, 8), "digits")
    arguments = ("--seeds", 2, "--steps", 2)
    rows = written(
        script, monkeypatch, tmp_path, "longer", *arguments, load_digits=lambda: few
    )
    assert [row.pop("seed") for row in rows] == ["0", "1"]
    found = np.array([[float(nats) for nats in row.values()] for row in rows])
    bounds = found.reshape(2, 3, 2)  # seed, model, L_1 and L_500
    assert np.all(bounds[..., 0] > bounds[..., 1]), "500 samples are tighter than one"
    assert np.all(np.abs(bounds - 64 * np.log(2)) < 5), "hardly trained: coin tossing"
    assert len(np.unique(found)) == 12, "a column written twice"


def test_floor_is_the_entropy_of_the_pixels(script, monkeypatch, tmp_path):
    half = np.array([[0, 1, 2, 1], [0, 0, 2, 2]], np.uint8)  # log 2 for each 1 of 2
    images = Images(half, half, 2, (2, 2), "mnist")
    rows = written(script, monkeypatch, tmp_path, "floor", load_mnist=lambda folder: images)
    assert [row["images"] for row in rows] == ["digits", "mnist"]
    nats, errors = (
        [float(row[column]) for row in rows] for column in ("nats", "standard_error")
    )
    assert nats[1] == pytest.approx(np.log(2), abs=1e-4)
    assert errors[1] == pytest.approx(np.log(2), abs=1e-4)  # of 2 log 2 and 0
    with open(FOLDER / "floor.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file)) == rows[0], "the table in the package"


FAKE_CHAPTER = """
import json, os
assert os.environ["MINIVAE_MEASURE"] and os.environ["MPLBACKEND"] == "Agg"
seed = int(os.environ["MINIVAE_SEED"])
print("row of nothing")
for beta in (1.0, 0.5):
    print("row " + json.dumps({"seed": seed, "beta": beta, "loss": seed + beta / 3}))
"""


def test_course_writes_what_a_chapter_measures_with_each_seed(
    script, monkeypatch, tmp_path
):
    (tmp_path / "77_fake.py").write_text(FAKE_CHAPTER)
    (tmp_path / "78_silent.py").write_text("")
    course = script("course", "77", "--seeds", 2)
    monkeypatch.setattr(course, "course_folder", lambda: tmp_path)
    monkeypatch.setattr(course, "HERE", tmp_path)
    course.main()
    lines = (tmp_path / "course_77.csv").read_text().splitlines()
    assert lines[0] == "seed,beta,loss"
    found = np.array([line.split(",") for line in lines[1:]], float)
    expected = [[s, b, s + b / 3] for s in (0, 1) for b in (1.0, 0.5)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    script("course", "78", "--seeds", 1)
    with pytest.raises(SystemExit, match=r"78_silent\.py: expected a line that begins"):
        course.main()
    assert not (tmp_path / "course_78.csv").exists()


def test_course_tells_a_new_column_from_a_mistake(script, monkeypatch, tmp_path, capsys):
    """A chapter that reads its old table stops at a column that is new, after its row."""
    row = 'print("row " + \'{"seed": 0, "gain": 0.5}\')\n'
    (tmp_path / "77_new.py").write_text(row + 'old = {"seed": 0}\nold["gain"]\n')
    (tmp_path / "78_wrong.py").write_text(row + 'old = {"seed": 0}\nold["gian"]\n')
    told = {}
    for number in ("77", "78"):
        course = script("course", number, "--seeds", 1)
        monkeypatch.setattr(course, "course_folder", lambda: tmp_path)
        monkeypatch.setattr(course, "HERE", tmp_path)
        course.main()
        assert (tmp_path / f"course_{number}.csv").read_text() == "seed,gain\n0,0.5\n"
        told[number] = capsys.readouterr().err
    assert told["77"] == (
        "77_new.py with seed 0: the old table has no column 'gain'. The rows printed"
        " before it was read are kept; a second run reads the new table.\n"
    )
    assert "KeyError: 'gian'" in told["78"]
    assert told["78"].endswith("78_wrong.py did not run to its end with seed 0\n")


@pytest.mark.parametrize("name", ["blending", "dense_conv"])
def test_the_experiments_with_faces_write_a_row_for_each_run(
    script, tmp_path, name, capsys, monkeypatch
):
    counts = ["--epochs", 1, 2] if name == "blending" else ["--steps", 3, 6]
    experiment = script(name, tmp_path, "--small", "--seeds", 0, *counts)
    if name == "blending":  # the other two are the same but for the loss
        monkeypatch.setattr(experiment, "MODELS", {"AE": experiment.MODELS["AE"]})
        few = functools.partial(experiment.slopes, n=3)
        monkeypatch.setattr(experiment, "slopes", few)
    experiment.main()
    with open(tmp_path / f"{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (2 if name == "blending" else 8)
    assert all(np.isfinite(float(row["test_nelbo"])) for row in rows)


def test_the_factors_of_a_drawing_are_read_off_it(script, rng):
    blending = script("blending")
    f = rng.uniform(-0.5, 0.5, (10, 6))
    drawn = blending.draw_faces(f, 32)
    start = f + rng.uniform(-0.4, 0.4, f.shape)
    np.testing.assert_allclose(blending.read_factors(drawn, start, 32), f, atol=1e-3)


def test_dense_and_convolutional_have_about_as_many_parameters(script, rng):
    dense_conv = script("dense_conv")
    for images in (dense_conv.load_faces(2, 1, 16), dense_conv.load_digits()):
        dense, conv = (
            dense_conv.build(images, kind, rng).theta.size for kind in ("dense", "conv")
        )
        assert abs(dense - conv) < 0.025 * conv, images.name


def test_without_adam_a_step_ends_at_the_gradient(script, monkeypatch, tmp_path):
    def refuse(*_):
        raise RuntimeError("Adam was called")

    monkeypatch.setattr("minivae.Adam.step", refuse)
    shape = script("step").SMALL[0]
    script("engines").minivae(*shape, adam=False)()
    with pytest.raises(RuntimeError, match="Adam was called"):
        script("engines").minivae(*shape)()


@pytest.mark.parametrize(("flags", "adam"), [((), True), (("--no-adam",), False)])
def test_the_workers_are_told_whether_adam_runs(script, monkeypatch, tmp_path, flags, adam):
    step = script("step", tmp_path, "--small", "--threads", 1, *flags)
    built = []

    class Idle:
        def __init__(self, *_):
            pass

        def build(self, question):
            built.append(question)
            return True

        def ask(self, seconds):
            return seconds

        def end(self):
            pass

    monkeypatch.setattr(step, "Worker", Idle)
    step.main()
    assert set(built) == {(*step.SMALL[0], adam)}


def test_a_peer_that_is_not_installed_is_left_out_with_a_word(script, monkeypatch, capsys):
    step = script("step")
    monkeypatch.setattr(step.Worker, "ask", lambda self, question: "ImportError: no torch")
    worker = step.Worker("PyTorch eager", 1, "wall")
    assert not worker.build(step.SMALL[0])
    worker.process.join()
    assert "PyTorch eager is left out: ImportError: no torch" in capsys.readouterr().out


def test_quadrature_is_held_against_models_of_known_log_p(script, tmp_path, capsys, rng):
    results = tmp_path / "a new" / "folder"
    quadrature = script("quadrature", results, "--models", 10, "--images", 0)
    quadrature.main()
    with open(results / "quadrature.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and all(row["accepted"] == "1" for row in rows)
    for row in rows:
        assert float(row["error"]) <= float(row["estimate"]) + 1e-9, row
    assert "| linear, K = 2, corner | 3 | 0 |" in capsys.readouterr().out
    # the two references, of linear and of trained models, know the same truth
    W, b = np.array([[1.0, 0.3], [-0.2, 0.8], [0.1, 0.4]]), np.array([0.2, 0.0, -0.3])
    vae = VAE.mlp(3, 2, (), Gaussian(0.4), rng=rng, dtype=np.float64)
    vae.params["decoder.0.W"][...], vae.params["decoder.0.b"][...] = W.T, b
    x = rng.normal(size=(1, 3))
    expected = quadrature.exact(W, b, 0.4, x)
    np.testing.assert_allclose(quadrature.reference(vae, x), expected, rtol=1e-10)


def test_a_refused_and_a_wrong_estimate_are_counted(script, capsys):
    rows = [
        {"group": "g", "kind": "k", "error": error, "estimate": estimate, "accepted": kept}
        for error, estimate, kept in ((1e-8, 1e-7, 1), (1e-6, 1e-7, 1), (5.0, 1e-3, 0))
    ]
    script("quadrature").print_table(rows)
    assert "| g, k | 3 | 1 | 1.0e-06 | 1.0e-07 | 1 |" in capsys.readouterr().out


def test_annealing_writes_a_row_for_each_image(script, tmp_path, capsys, rng):
    model = VAE.mlp(64, 3, (4,), Binomial(16), rng=rng)
    (tmp_path / "digits").mkdir()
    checkpoints.save(tmp_path / "digits" / "model.npz", model)
    sizes = ("--images", 4, "--samples", 3, "--temperatures", 2, "--chains", 2)
    script("annealed", tmp_path, *sizes).main()
    for name, columns in (
        ("annealed", "importance,log_p,error,ess"),
        ("sandwich", "importance,lower,lower_error,upper,upper_error"),
    ):
        lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert lines[0] == columns and len(lines) == 5, lines
    assert "more, image by image" in capsys.readouterr().out


def test_every_model_of_the_digits_is_a_distribution_over_counts(script, rng):
    digits = script("digits")
    train = rng.integers(0, 17, (60, 3)) * np.array([1, 1, 0])
    one = np.arange(17)[:, None]
    for name, log_p in (
        ("independent_binomial", digits.independent_binomial(train[:, :1], one)),
        ("histogram", digits.histogram(train[:, :1], one)),
        ("binomial_mixture", digits.binomial_mixture(train[:, :1], one, 3)),
        ("gaussian_mixture", digits.gaussian_mixture(train[:, :1], one, 3, 0.1)),
    ):
        assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-9), name
    pairs = np.stack(np.meshgrid(one, one), axis=-1).reshape(-1, 2)
    total = np.exp(digits.ppca(train[:, :2], pairs, 1)).sum()
    assert total == pytest.approx(1, abs=0.02), "probabilistic PCA"


def test_adam_by_halves_is_the_same_adam(script, capfd):
    threads = script("threads", "--small", "--rounds", 1, "--timeouts", "10")
    thetas = []
    for way in (threads.whole, threads.by_halves):
        model, optimizer, passes = threads.step_of(threads.SMALL[0], way)
        before = model.theta.copy()
        for _ in range(3):
            passes()
            optimizer()
        for half in np.array_split(model.theta != before, 2):
            assert half.mean() > 0.5, f"{way.__name__} left a half out"
        thetas.append(model.theta)
    assert np.array_equal(*thetas), "two threads changed a bit"
    threads.main()
    assert capfd.readouterr().out.count("| 64-16-2, B = 8 |") == 1


@mpi
def test_ranks_are_measured(script, capsys):
    ranks = script("ranks", "--small", "--ranks", 1, 2, "--seconds", 0.01)
    ranks.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if "B = 8" in line]
    assert [line.split(" | ")[1:3] for line in lines] == [
        ["strong", "1"],
        ["strong", "2"],
        ["weak", "2"],
    ]


@mpi
def test_both_ways_of_summing_make_one_model(script):
    """Allreduce and sharded on two ranks, after three steps."""
    command = [*script("ranks").launcher(2), sys.executable, "-c", BOTH_WAYS]
    environment = os.environ | {"PYTHONPATH": str(FOLDER)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    steps, differences = np.array(done.stdout.split(), float).reshape(2, 2).T
    assert np.all(steps > 1e-3), f"no step was taken: {done.stdout} {done.stderr}"
    assert np.all(differences < 1e-6), f"two ways, two models: {done.stdout} {done.stderr}"


BOTH_WAYS = """
import numpy as np
from mpi4py import MPI
import ranks
first, thetas = None, []
for way in (ranks.allreduce, ranks.sharded):
    model, passes, update = ranks.step_of(MPI.COMM_WORLD, ranks.SMALL[0], way)
    first = model.theta.copy()
    for _ in range(3):
        passes()
        update()
    thetas.append(model.theta)
mine = np.ptp(thetas[0] - first), np.abs(thetas[0] - thetas[1]).max()
both = MPI.COMM_WORLD.gather(mine)
if both:  # rank 0 alone prints: two at once may write into one line
    print(*np.ravel(both))
"""


def test_cost_measures_and_draws(script, tmp_path):
    cost = script("cost")
    seconds = cost.step_time(2, B=5, H=8, K=2, S=3)
    assert seconds >= 0 and cost.pass_time(20) >= 0  # of a clock with coarse ticks
    cost.write(tmp_path, {name: [(1, seconds), (2, 2 * seconds)] for name in ("a", "b")})
    assert "a,2," in (tmp_path / "cost.csv").read_text()
    assert ",1.00" in (tmp_path / "cost.csv").read_text()
    assert (tmp_path / "cost.png").stat().st_size > 5000


def test_false_alarms_go_on_where_they_were_stopped(script, monkeypatch, tmp_path, capsys):
    results = tmp_path / "results.csv"
    alarms = script("false_alarms", results, "--models", 2)
    monkeypatch.setattr(alarms, "climb", lambda model, x, rng: real(model, x, rng, (2, 6)))
    monkeypatch.setattr(alarms, "ProcessPoolExecutor", InThisProcess)
    alarms.main()
    script("false_alarms", results, "--models", 3)
    alarms.main()
    rows = alarms.read(results)
    assert [row["number"] for row in rows] == ["0", "1", "2"], "none is done twice"
    assert "| all | 3 |" in capsys.readouterr().out.splitlines()[-1]
    assert {row["failed"] for row in rows} == {""}


def test_a_false_alarm_is_written_down(script, monkeypatch, tmp_path):
    alarms = script("false_alarms", tmp_path / "results.csv")
    rows = [Row(2, "right", 0, "", 1), Row(3, "wrong", 2, "", 1)]
    rows.append(Row(4, "who knows", 0, "", 1, undecided=True))
    monkeypatch.setattr(alarms, "climb", lambda *arguments: Table(rows))
    row = alarms.one(0)
    assert row["claims"] == 3 and row["failed"] == "wrong (2 > 1)"
    assert row["undecided"] == "who knows (0 > 1)"
    alarms.write(tmp_path / "results.csv", row)
    table = alarms.summary(alarms.read(tmp_path / "results.csv"))
    assert table.splitlines()[-1] == "| all | 1 | 3 | 1 | 1 |"
    monkeypatch.setattr(alarms, "climb", lambda *arguments: 1 / 0)
    assert "ZeroDivisionError" in alarms.one(0)["failed"]


class InThisProcess:
    """A pool of no other process, in which what is patched stays patched."""

    def __init__(self, workers):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    map = staticmethod(map)
