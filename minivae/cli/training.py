"""`minivae train`: train, or go on with a training, and draw what was learned.

examples:
  minivae train
      the shipped 8x8 digits, counts 0..16 under a Binomial(16)
  minivae train --data faces --conv 16 32
      drawn faces, 32x32, under a Gaussian whose variance is learned, by convolutions
  minivae train --data mnist --data-dir ~/mnist --epochs 30
      MNIST from its four IDX files (plain or .gz), binarized anew in each epoch;
      without --data-dir it is downloaded (11 MB) to a cache
  minivae train --data my-pictures
      your own: a folder of PNG files, all of one size; a .npy, .npz or .csv file of
      (N, rows, columns) or (N, D); IDX files as of Fashion-MNIST; with a part "test", or
      one image in ten taken for it
  minivae train --data own.csv --shape 28x20 --max-count 16
      rows of 560 whole numbers 0..16, under a Binomial(16)
  minivae train --likelihood gaussian:0.05 --beta 4
      pixels scaled to [0, 1], a constant variance c = 0.05 and four times the KL
  minivae train --model iwae --samples 5
  minivae train --resume runs/digits-.../model.npz --epochs 500
      goes on from the last whole epoch, as if it had never stopped
  OPENBLAS_NUM_THREADS=1 mpiexec -n 4 minivae train --data mnist --batch-size 1000
      each batch divided among four processes, the same model (needs minivae[mpi]); one
      thread for each also serves where several trainings share a machine

Ctrl-C ends training and keeps what was learned. All losses are nats per image.
"""

from pathlib import Path

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.cli import options
from minivae.cli.arguments import add_data, adder, number, whole
from minivae.cli.folders import claimed, training_folder
from minivae.datasets.images import BINARIZE
from minivae.schedules import value_at
from minivae.training import fit, patience
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
    try:
        return _train(arguments, ranks)
    except BaseException as error:
        ranks.abort(error)  # or the others would wait for ever
        raise


def _train(arguments, ranks):
    saved = options.resumed(arguments) if arguments.resume else None
    images = options.load_data(arguments, saved)
    if saved is None:
        saved = options.new_training(arguments, images)
    model, settings, done = saved.model, saved.settings, len(saved.history or ())
    epochs = arguments.epochs or max(done, usual_epochs(images, settings["batch_size"]))
    # what does not go together is refused before a folder is made
    opened = options.Opened(model, images, settings["binarize"])
    first = ranks.rank == 0
    if epochs <= done:
        return _complete(arguments, epochs, saved.history, opened) if first else None
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
        _finish(folder, opened, history)
    return 130 if history.interrupted else None


def _complete(arguments, epochs, history, opened):
    """Write what a training that is done was stopped from writing, beside its model."""
    path, done = Path(arguments.resume), len(history)
    if epochs < done or arguments.out or path.name != "model.npz":
        raise ValueError(f"--epochs: expected more than the {done} done, got {epochs}")
    with claimed(path.parent):
        for name in CONTENTS:
            for part in path.parent.glob(f"{name}.*.part"):  # of a process that was killed
                part.unlink()
        _finish(path.parent, opened, history)


def _finish(folder, opened, history):
    """Write the history and the figures that are not there yet, and say what there is."""
    if not (folder / "history.csv").exists():
        history.to_csv(folder / "history.csv")
    _draw(folder, opened, history)
    names = ("objective", "nelbo", "rec", "kl")
    end = {name: history[f"test_{name}"][-1] for name in names}
    if not np.isclose(end["objective"], end["nelbo"], rtol=1e-5):
        print("test objective {objective:.2f}, which was minimised".format(**end))
    reached = "test nelbo {nelbo:.2f} = rec {rec:.2f} + kl {kl:.2f} nats per image"
    print(reached.format(**end))
    print(f"{folder}:")
    for name, what in CONTENTS.items():
        if (folder / name).exists():
            print(f"  {name:20} {what}")


def _draw(folder, opened, history):
    """Every figure that the model and the data allow, into `folder`."""
    from minivae import plots
    from minivae.plots.drawing import limits_of

    model, images, under = opened.model, opened.images, opened.under
    rng, shown = np.random.default_rng(0), slice(0, 2000)
    x, seen = (opened.floats(part[shown], rng) for part in (images.test, images.train))
    labels = None if images.test_labels is None else images.test_labels[shown]
    look = {"shape": images.shape, "cmap": options.colours(images.name)}
    look["limits"], half = limits_of(model, seen), min(6, len(x) // 2)
    a, b = x[:half], x[half : 2 * half]
    few, ends = slice(0, 30), slice(0, half)
    figures = {
        "curves": lambda: plots.learning_curves(history),
        "reconstructions": lambda: plots.reconstructions(under(few), x[few], **look),
    }
    if len(x) > 2:
        figures["latent"] = lambda: plots.latent_space(under(shown), x, labels)
    if half:
        figures["interpolations"] = lambda: plots.interpolations(under(ends), a, b, **look)
    if not isinstance(model, Autoencoder):  # which has no prior to draw from
        sampled = _every_condition(opened)
        figures["samples"] = lambda: plots.samples(sampled, rng=rng, **look)
        if model.K <= 2 and not model.C:
            figures["manifold"] = lambda: plots.manifold(model, **look)
    for name, draw in figures.items():
        path = folder / f"{name}.png"
        if not path.exists():
            plots.save_figure(draw(), path)


def _every_condition(opened, n=64):
    """The model under every class in turn, or the factors of test images."""
    if opened.condition is None:
        return opened.model
    if opened.condition.ndim == 1:
        return opened.model.given(np.arange(n) * opened.model.C // n)
    return opened.under(np.arange(n) % len(opened.condition))


def add_to(command):
    parser = command("train", train, "train a model, and draw what it learned", __doc__)
    add_data(parser, "digits")
    _add_model(parser)
    _add_training(parser)


def _add_model(parser):
    add = adder(parser.add_argument_group("model"))
    add("--model", "(default: vae)", choices=tuple(options.MODELS))
    what = "p(x|z, label): learn under the images' labels or factors (default: without)"
    add("--conditional", what, action="store_true", default=None)
    usual = "binomial for digits or with --max-count; bernoulli for mnist or binary images"
    what = "c is a variance and b a scale, learned if not given"
    what = f"p(x|z): {options.LIKELIHOODS}. {what} (default: {usual}; else gaussian)"
    add("--likelihood", what, metavar="NAME")
    add("--latent", "latent dimensions (default: 16)", whole(1), "K")
    what = (
        "widths of the encoder's hidden layers, the decoder's in reverse; none makes the"
        " model linear (default: 256)"
    )
    add("--hidden", what, whole(1), "H", nargs="*")
    what = (
        "in their place, channels of convolutions that each halve the image; without a"
        " number 32 64 (default: none)"
    )
    add("--conv", what, whole(1), "C", nargs="*")
    add("--activation", "(default: tanh)", choices=("tanh", "relu", "softplus", "sigmoid"))


def _add_training(parser):
    add = adder(parser.add_argument_group("training"))
    usual = "stochastic where bernoulli meets pixels that are not binary, else none"
    add("--binarize", f"make pixels 0 or 1 (default: {usual})", choices=BINARIZE)
    add("--beta", "weight of the KL in the objective (default: 1)", number(0))
    what = "raise that weight from 0 in so many epochs (default: none)"
    add("--warmup", what, whole(1), "EPOCHS")
    what = "nats of KL in each latent dimension that cost nothing (default: 0)"
    add("--free-bits", what, number(0), "NATS")
    what = "samples of z per image and step (default: 1, for iwae 5)"
    add("--samples", what, whole(1), "S")
    what = "passes over the images, in all (default: as many as make about 4500 steps)"
    add("--epochs", what, whole(1))
    add("--batch-size", "images per step (default: 100)", whole(1), "B")
    add("--optimizer", "(default: adam)", choices=("adam", "sgd"))
    above_0 = number(0, exclusive=True)
    add("--lr", "learning rate (default: 0.002, for sgd 0.0005)", above_0)
    what = "cosine brings the learning rate to 0 in the last epoch (default: constant)"
    add("--schedule", what, choices=("constant", "cosine"))
    what = "stop when the test nelbo has not fallen for so many (default: never)"
    add("--patience", what, whole(1), "EPOCHS")
    add("--seed", "of weights, shuffling and noise (default: 0)", whole(0))
    what = "go on with the training of this model.npz; it holds all other settings"
    add("--resume", what, metavar="MODEL")
    what = "a new folder for all that is written (default: runs/DATA-DATE-TIME)"
    add("--out", what, metavar="DIR")
