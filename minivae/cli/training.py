"""`minivae train`: train, or go on with a training, and draw what was learned."""

from pathlib import Path

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.cli.folders import claimed, training_folder
from minivae.cli.options import colours, load_data, new_training, resumed
from minivae.datasets.images import prepare
from minivae.schedules import value_at
from minivae.training import fit, patience
from minivae.training.evaluation import condition_of, scaling
from minivae.training.fitting import usual_epochs
from minivae.training.parallel import ranks_of_this_run

CONTENTS = {
    "model.npz": "the model; evaluate, sample and train --resume take it",
    "history.csv": "nelbo, rec and kl of each epoch, nats per image",
    "curves.png": "the same, drawn",
    "reconstructions.png": "test images, and what is left of them after the code",
    "samples.png": "images sampled from the model",
    "interpolations.png": "from one test image to another",
    "latent.png": "where the test images fall in latent space",
    "manifold.png": "the latent space, image by image",
}


def train(arguments):
    """Train, or go on with a training; write model, history and figures to a folder.

    Started by mpiexec, all ranks train one model, and rank 0 writes.
    """
    ranks = ranks_of_this_run()
    if ranks is None:
        return _train(arguments)
    try:
        return _train(arguments, ranks)
    except BaseException as error:
        ranks.abort(error)  # or the others would wait for ever


def _train(arguments, ranks=None):
    saved = resumed(arguments) if arguments.resume else None
    images = load_data(arguments, saved)
    if saved is None:
        saved = new_training(arguments, images)
    model, settings, done = saved.model, saved.settings, len(saved.history or ())
    epochs = arguments.epochs or max(done, usual_epochs(images, settings["batch_size"]))
    binarize = settings["binarize"]
    scaling(model, images, binarize)  # refuses before a folder is made
    first = ranks is None or ranks.rank == 0
    if epochs <= done:
        return _complete(arguments, epochs, saved, images) if first else None
    if value_at(saved.optimizer.lr, saved.optimizer.t) == 0:
        raise ValueError(f"--resume: after {done} epochs the learning rate has come to 0")
    settings = settings | {
        "epochs": epochs,
        "rng": saved.rng,
        "history": saved.history,
        "stop": patience(arguments.patience) if arguments.patience else None,
        "ranks": ranks,
    }
    if not first:
        fit(model, images, saved.optimizer, **settings)
        return None
    with training_folder(arguments.out, images.name) as folder:
        settings["checkpoint"] = folder / "model.npz"
        history = fit(model, images, saved.optimizer, **settings)
        if not (folder / "model.npz").exists():
            raise KeyboardInterrupt  # in the first epoch
        _finish(folder, model, images, history, binarize)
    return 130 if history.interrupted else None


def _complete(arguments, epochs, saved, images):
    """Write what a training that is done was stopped from writing, beside its model."""
    path, done = Path(arguments.resume), len(saved.history)
    if epochs < done or arguments.out or path.name != "model.npz":
        raise ValueError(f"--epochs: expected more than the {done} done, got {epochs}")
    with claimed(path.parent):
        for name in CONTENTS:
            for part in path.parent.glob(f"{name}.*.part"):  # of a process that was killed
                part.unlink()
        binarize = saved.settings["binarize"]
        _finish(path.parent, saved.model, images, saved.history, binarize)


def _finish(folder, model, images, history, binarize):
    """Write the history and the figures that are not there yet, and say what there is."""
    if not (folder / "history.csv").exists():
        history.to_csv(folder / "history.csv")
    _draw(folder, model, images, history, binarize)
    end = {
        name: history[f"test_{name}"][-1] for name in ("objective", "nelbo", "rec", "kl")
    }
    if not np.isclose(end["objective"], end["nelbo"], rtol=1e-5):
        print("test objective {objective:.2f}, which was minimised".format(**end))
    print(
        "test nelbo {nelbo:.2f} = rec {rec:.2f} + kl {kl:.2f} nats per image".format(**end)
    )
    print(f"{folder}:")
    for name, what in CONTENTS.items():
        if (folder / name).exists():
            print(f"  {name:20} {what}")


def _draw(folder, model, images, history, binarize):
    """Every figure that the model and the data allow, into `folder`."""
    from minivae import plots
    from minivae.plots.drawing import limits_of

    scaled, rng = scaling(model, images, binarize), np.random.default_rng(0)
    shown = slice(0, 2000)
    x, seen = (
        prepare(part[shown], images.max_count, model.dtype, binarize, scaled, rng)
        for part in (images.test, images.train)
    )
    labels = None if images.test_labels is None else images.test_labels[shown]
    look = {"shape": images.shape, "cmap": colours(images.name)}
    look["limits"], half = limits_of(model, seen), min(6, len(x) // 2)
    condition = condition_of(model, images, "test")

    def under(rows):
        """The model under the condition of some test images, if it has one."""
        return model if condition is None else model.given(condition[rows])

    figures = {
        "curves": lambda: plots.learning_curves(history),
        "reconstructions": lambda: plots.reconstructions(
            under(slice(0, 30)), x[:30], **look
        ),
    }
    if len(x) > 2:
        figures["latent"] = lambda: plots.latent_space(under(shown), x, labels)
    if half:
        a, b = x[:half], x[half : 2 * half]
        figures["interpolations"] = lambda: plots.interpolations(
            under(slice(0, half)), a, b, **look
        )
    if not isinstance(model, Autoencoder):  # which has no prior to draw from
        giving = model
        if condition is not None:  # every class in turn, or the factors of test images
            classes = condition.ndim == 1
            rows = np.arange(64) * model.C // 64 if classes else np.arange(64) % len(x)
            giving = model.given(rows if classes else condition[rows])
        figures["samples"] = lambda: plots.samples(giving, rng=rng, **look)
        if model.K <= 2 and condition is None:
            figures["manifold"] = lambda: plots.manifold(model, **look)
    for name, draw in figures.items():
        path = folder / f"{name}.png"
        if not path.exists():
            plots.save_figure(draw(), path)
