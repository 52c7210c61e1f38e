"""Training: mini-batches, a row of `History` per epoch, checkpoints, a clean Ctrl-C.

    for each epoch, for each mini-batch x of the shuffled images:
        draw eps;  model.loss(x, eps);  model.backward();  optimizer.step(theta, grad)

Whatever ends a training early, Ctrl-C or a loss that is not finite, the model, the
optimizer and the generator are taken back to the end of the last whole epoch. So there
is one kind of checkpoint only, and going on from it gives the very bits of a training
that was never interrupted, at the price of less than an epoch done again.
"""

import sys
import time
from pathlib import Path

import numpy as np

from minivae.datasets.images import prepare
from minivae.datasets.own import as_images
from minivae.errors import check_generator, check_whole
from minivae.optim import Adam, Optimizer
from minivae.schedules import value_at
from minivae.training import checkpoints, evaluation
from minivae.training.history import History
from minivae.training.parallel import Ranks
from minivae.training.progress import Progress

TEST_SEED = 0  # every epoch's test has the noise of this seed
SAVE_EVERY = 1.0  # seconds between checkpoints, at least
STEPS = 4500  # enough for the shipped digits, a beginning for MNIST


def fit(
    model,
    images,
    optimizer=None,
    *,
    epochs=None,
    rng=None,
    batch_size=100,
    binarize="none",
    beta=1.0,
    free_bits=0.0,
    samples=1,
    history=None,
    checkpoint=None,
    stop=None,
    progress=True,
    ranks=None,
):
    """Train `model` until `epochs` epochs are done in all.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
        Trained in place.
    images : Images or ndarray, shape (N, D) or (N, rows, columns)
        Turned into floats one mini-batch at a time (see `evaluation.scaling`). Of a bare
        array one image in ten is kept for testing, as by `load_images`; its values stay
        as they are.
    optimizer : SGD or Adam, optional
        By default `Adam(2e-3)`.
    epochs : int, optional
        Counted from the very first one: with a `history` of 10 epochs, `epochs=15` adds
        five, and `epochs=10` none. By default as many as make about 4500 steps.
    rng : numpy.random.Generator, optional
        Shuffles, binarizes the training images and draws eps. The same seed gives the
        same bits; testing and reporting do not touch it. By default a fresh one.
    batch_size : int
        The last mini-batch of an epoch holds what is left.
    binarize : {"none", "threshold", "stochastic"}
        As in `prepare`. "stochastic" draws new training images in every epoch, and the
        same test images each time.
    beta : float or callable
        KL weight, or a function of the step (see `schedules`).
    free_bits : float
        Nats per latent dimension that cost nothing, as in `VAE.loss`.
    samples : int
        S, the samples of z for each image.
    history : History, optional
        That of a training to go on with. It is added to, and returned.
    checkpoint : path-like, optional
        File for `checkpoints.save`. It is written at the end of an epoch, about once a
        second at most, and when training ends for whatever reason: it always holds the
        end of a whole epoch. A training that completes no epoch leaves it as it was.
    stop : callable, optional
        Called with the history after each epoch; a true result ends the training. See
        `history.patience`.
    progress : bool or text file
        True reports to the standard error, False not at all. On a terminal it is one
        line that renews itself, elsewhere about 20 plain lines.
    ranks : parallel.Ranks, optional
        The processes among which each batch is divided. All of them call `fit` alike,
        with generators of the same state; rank 0 tests, reports and saves. By default
        this process is alone.

    Returns
    -------
    History
        After Ctrl-C its `interrupted` is true, and model, optimizer and generator are
        as they were at the end of the last whole epoch.

    Raises
    ------
    ValueError, TypeError
        For arguments, data and likelihood that do not fit.
    FileNotFoundError
        If the folder of `checkpoint` is missing.
    FloatingPointError
        If the loss, the weights or the optimizer's memory are no longer finite; the
        message names epoch and step.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> from minivae import VAE, Adam, Binomial, fit, load_digits
    >>> model = VAE.mlp(64, 2, (8,), Binomial(16), rng=rng)
    >>> history = fit(model, load_digits(), Adam(1e-2), epochs=2, rng=rng, progress=False)
    >>> bool(history["test_nelbo"][1] < history["test_nelbo"][0])
    True
    """
    if isinstance(images, np.ndarray):
        n = getattr(model.likelihood, "n", 1) if images.dtype.kind in "iu" else 1
        images = as_images({"train": images}, "array", n if n > 1 else None, None, (0, 1))
    optimizer = Adam(2e-3) if optimizer is None else optimizer
    rng = np.random.default_rng() if rng is None else rng
    history = History() if history is None else history
    ranks = Ranks() if ranks is None else ranks
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer: expected an optimizer, such as Adam(2e-3), got {optimizer!r}"
        )
    if not isinstance(history, History):
        raise TypeError(f"history: expected the History that fit returned, got {history!r}")
    if not isinstance(progress, bool) and not hasattr(progress, "write"):
        raise TypeError(f"progress: expected True, False or a text file, got {progress!r}")
    batch_size = check_whole("batch_size", batch_size, minimum=1)
    samples = check_whole("samples", samples, minimum=1)
    settings = {"batch_size": batch_size, "binarize": binarize, "beta": beta}
    settings |= {"free_bits": free_bits, "samples": samples}
    history.interrupted = False
    epochs = usual_epochs(images, batch_size) if epochs is None else epochs
    epochs = check_whole("epochs", epochs, minimum=1)
    if ranks.rank:
        checkpoint, progress = None, False  # rank 0 reports and saves
    run = _Run(model, images, optimizer, rng, history, settings, ranks)
    if checkpoint is not None:
        run.check_savable(checkpoint)
    first = saved = len(history)
    seconds_before = history["seconds"][-1] if first else 0.0
    stream = sys.stderr if progress is True else progress or None
    line = Progress(stream, first, epochs)
    saved_at, failure = line.started, None
    try:
        while len(history) < epochs and not (stop and len(history) and stop(history)):
            row = run.epoch(line)
            row["seconds"] = seconds_before + line.elapsed()
            history.append(**ranks.share(row))
            run.remember()
            line.epoch(row)
            if checkpoint is not None and time.perf_counter() - saved_at > SAVE_EVERY:
                checkpoints.save(checkpoint, *run.state())
                saved, saved_at = len(history), time.perf_counter()
    except BaseException as error:
        failure = error
        run.take_back()
        history.interrupted = isinstance(error, KeyboardInterrupt)
        if not history.interrupted:
            raise
    finally:
        line.end(len(history), history.interrupted)
        if checkpoint is not None and len(history) > saved:
            checkpoints.save(checkpoint, *run.state())
        if failure is not None:
            ranks.abort(failure)
    return history


def usual_epochs(images, batch_size):
    """As many passes over the training images as make about 4500 steps."""
    return max(1, round(STEPS * batch_size / len(images.train)))


class _Run:
    """What one `fit` works on, and the steps it is made of."""

    def __init__(self, model, images, optimizer, rng, history, settings, ranks):
        check_generator("rng", rng)
        _, binarize, beta, free_bits, samples = settings.values()
        if ranks.size > 1 and free_bits:
            raise ValueError(
                "free_bits: expected 0 with several ranks, as its minimum is over the mean"
                f" KL of the whole batch, which no rank sees; got {free_bits}"
            )
        evaluation.check_objective(model, samples, beta, free_bits)
        self.scaled = evaluation.scaling(model, images, binarize)
        self.condition = evaluation.condition_of(model, images, "train")
        self.model, self.images, self.optimizer = model, images, optimizer
        self.rng, self.history, self.settings, self.ranks = rng, history, settings, ranks
        self.remember()

    def epoch(self, line):
        """Train on every image once, then test: the row of `History`, but for its time."""
        optimizer, done = self.optimizer, len(self.history)
        try:
            with np.errstate(all="ignore"):  # what overflows is reported with its step
                train = self._train(line, done)
            self._check_finite()
            test = self._test()
        except FloatingPointError as error:
            advice = "No step was taken yet: the data, the likelihood or beta is too large"
            if optimizer.t:
                advice = "The first thing to try is a smaller learning rate"
            what = f"epoch {done + 1}, after step {optimizer.t}: {error}. {advice}"
            raise FloatingPointError(what) from error
        last = optimizer.t - 1
        beta, lr = value_at(self.settings["beta"], last), value_at(optimizer.lr, last)
        row = {"epoch": done + 1, "step": optimizer.t, "beta": beta, "lr": lr}
        for part, (objective, rec, kl) in (("train", train), ("test", test)):
            row[f"{part}_objective"] = objective
            row[f"{part}_nelbo"] = rec + kl  # β = 1, whatever the objective's β is
            row[f"{part}_rec"], row[f"{part}_kl"] = rec, kl
        return row

    def _train(self, line, done):
        model, optimizer, images, rng = self.model, self.optimizer, self.images, self.rng
        batch_size, binarize, beta, free_bits, samples = self.settings.values()
        N = len(images.train)
        total = np.zeros(3)
        order = rng.permutation(N)
        for start in range(0, N, batch_size):
            rows = order[start : start + batch_size]
            batch = images.train[rows]
            x = prepare(batch, images.max_count, model.dtype, binarize, self.scaled, rng)
            weight = value_at(beta, optimizer.t)
            labels = None if self.condition is None else self.condition[rows]
            eps = evaluation.draw_noise(model, len(x), rng, samples)
            loss = self._gradient(x, eps, weight, free_bits, labels)
            optimizer.step(model.theta, model.grad)
            B = len(x)  # the last batch may be short, and counts for less
            total += B * np.array(loss)
            line.step(done + (start + B) / N)
        return evaluation.per_image(total, N, images)

    def _gradient(self, x, eps, beta, free_bits, labels):
        """Loss and gradient of a batch, of which each rank does its rows."""
        model, ranks, B, loss = self.model, self.ranks, len(x), None
        mine = ranks.rows(B)
        x, eps = x[mine], None if eps is None else eps[..., mine, :]
        labels = None if labels is None else labels[mine]
        if len(x):
            loss = evaluation.loss_with(model, x, eps, beta, free_bits, labels)
            model.backward()
        return ranks.mean(model.grad, loss, len(x), B)

    def _test(self):
        """The objective, rec and kl of the test images, with the noise of all epochs."""
        _, binarize, beta, free_bits, samples = self.settings.values()
        beta, rng = value_at(beta, self.optimizer.t - 1), np.random.default_rng(TEST_SEED)
        how, test = (rng, binarize, samples, beta, free_bits), None
        if self.ranks.rank == 0:
            test = evaluation.mean_loss(self.model, self.images, "test", self.scaled, *how)
        return self.ranks.share(test)

    def _check_finite(self):
        """What the last step of an epoch broke, no loss has seen yet.

        Nor does any loss see that a gradient overflowed Adam's v: its weights would just
        stand still for ever.
        """
        memory = {f"the optimizer's {k}": v for k, v in self.optimizer.state().items()}
        for name, vector in {"theta": self.model.theta, **memory}.items():
            if not np.isfinite(vector).all():
                raise FloatingPointError(f"{name} is not finite")

    def remember(self):
        """Keep a copy of all that `take_back` needs."""
        rng = self.rng.bit_generator.state
        theta, memory = self.model.theta.copy(), self.optimizer.state()
        self.good = theta, memory, rng, len(self.history)

    def take_back(self):
        """Return to the end of the last whole epoch."""
        theta, memory, rng, epochs = self.good
        self.model.theta[...] = theta
        self.optimizer.load_state(memory)
        self.rng.bit_generator.state = rng
        del self.history.rows[epochs:]

    def check_savable(self, path):
        """Raise now what would otherwise be raised after the first epoch."""
        folder = Path(path).parent
        if not folder.is_dir():
            raise FileNotFoundError(
                f"checkpoint: expected an existing folder, got {folder}"
            )
        checkpoints.pack(*self.state())

    def state(self):
        """The arguments of `checkpoints.save`, but for the path."""
        images = self.images
        data = {"name": images.name, "max_count": images.max_count, "shape": images.shape}
        if (images.offset, images.scale) != (0, 1):
            limits = np.quantile(images.train[:2000], (0.01, 0.99)).tolist()
            data |= {"offset": images.offset, "scale": images.scale, "limits": limits}
        return self.model, self.optimizer, self.rng, self.history, self.settings, data
