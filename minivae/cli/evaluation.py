"""`minivae evaluate`: what the test images cost in nats, and how far that is from log p."""

from dataclasses import replace

import numpy as np

from minivae import gaussian
from minivae.autoencoder import Autoencoder
from minivae.cli.options import load_data
from minivae.datasets.images import prepare
from minivae.inference.bounds import importance_log_likelihood
from minivae.inference.diagnostics import active_units
from minivae.inference.gap import gap_report
from minivae.iwae import IWAE
from minivae.numerics import log_mean_exp
from minivae.training import checkpoints
from minivae.training.evaluation import condition_of, scaling

BATCH = 100  # images at a time
USUAL = 500  # importance samples; published numbers have 5000
BUDGET = 4e8  # decoded pixels that they may cost unless more is asked for: some seconds


def evaluate(arguments):
    """Print the means over the test images, each with its standard error."""
    saved = checkpoints.load(arguments.model)
    images = load_data(arguments, saved)
    model, binarize = saved.model, (saved.settings or {}).get("binarize", "none")
    has_bound = not isinstance(model, Autoencoder)
    asked = arguments.importance, arguments.annealed, arguments.gaps
    if not has_bound and any(asked):
        raise ValueError(
            "--importance, --annealed, --gaps: expected a VAE or IWAE, got an Autoencoder,"
            " which says nothing of p(x)"
        )
    scaled, rng = scaling(model, images, binarize), np.random.default_rng(arguments.seed)
    condition = condition_of(model, images, "test")
    if arguments.gaps and condition is not None:
        raise ValueError("--gaps: expected a model without a condition")
    x = prepare(images.test, images.max_count, model.dtype, binarize, scaled, rng)

    def under(rows):
        return model if condition is None else model.given(condition[rows])

    print(f"{len(x)} test images of {images.name}; nats per image ± standard error")
    parts = [slice(start, start + BATCH) for start in range(0, len(x), BATCH)]
    columns = [_per_image(under(rows), x[rows], arguments.samples, rng) for rows in parts]
    bound, rec, kl = np.concatenate(columns, axis=1, dtype=np.float64)
    _print(f"-L_{arguments.samples}" if isinstance(model, IWAE) else "nelbo", bound, images)
    _print("rec", rec, images)
    _print("kl", kl)
    if not has_bound:
        return
    if len(x) > 1:
        print(f"{active_units(under(slice(None)), x).sum()} of {model.K} units active")
    S = arguments.importance or USUAL
    N = len(x) if arguments.importance else max(BATCH, int(BUDGET / (S * model.D)))
    how = {f"importance sampling, {S} samples": (N, importance_log_likelihood, S, rng)}
    if arguments.annealed:
        how["annealed importance sampling"] = (BATCH, _annealed, rng)
    for name, (N, estimate, *settings) in how.items():
        # A condition belongs to one image, and the estimates sort images into blocks.
        each = 1 if condition is not None else len(x)
        parts = [slice(start, start + each) for start in range(0, min(N, len(x)), each)]
        log_p = [estimate(under(rows), x[:N][rows], *settings) for rows in parts]
        some = f", the first {N} images" if N < len(x) else ""
        note = f"  (at most: {name}{some})"
        _print("-log p(x)", -np.concatenate(log_p), images, note)
    if arguments.gaps:
        _print_gaps(model, x[:BATCH], images, rng)


def _per_image(model, x, samples, rng):
    """The bound, rec and kl of each image, shape (3, B)."""
    if isinstance(model, Autoencoder):
        rec = -model.likelihood.log_prob(x, model.decoder_output(model.code(x)))
        return np.stack([rec, rec, np.zeros_like(rec)])
    eps = rng.standard_normal((samples, len(x), model.K), dtype=model.dtype)
    elbo = model.elbo(x, eps)
    kl = gaussian.kl(*model.encode(x)).sum(axis=1)
    bound = (
        log_mean_exp(model.log_weights(x, eps), axis=0) if isinstance(model, IWAE) else elbo
    )
    return np.stack([-bound, -elbo - kl, kl])


def _annealed(model, x, rng):
    from minivae.inference.annealed import annealed_log_likelihood

    return annealed_log_likelihood(model, x, rng).log_p


def _print(name, column, images=None, note=""):
    """Mean and standard error; of a -log p, in the units of the values that came."""
    column = column + (images.scale_nats if images else 0)
    error = "unknown"  # of a single image
    if len(column) > 1:
        error = f"{column.std(ddof=1) / np.sqrt(len(column)):.3f}"
    print(f"{name:9} {column.mean():10.3f} ± {error}{note}", flush=True)


def _print_gaps(model, x, images, rng):
    """The gap report, exact where K allows, in the units of the values that came."""
    if model.K <= 2:
        model, x = model.astype(np.float64), x.astype(np.float64)
    report = gap_report(model, x, rng)
    rows = [(name, mean - images.scale_nats, error) for name, mean, error in report.rows]
    print(f"\nbetween the ELBO and log p(x), {len(x)} images:")
    print(replace(report, rows=rows))
