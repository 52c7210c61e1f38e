"""`minivae evaluate`: what the test images cost in nats, and how far that is from log p.

examples:
  minivae evaluate runs/digits-.../model.npz --importance 5000
      what the literature calls NLL
  minivae evaluate runs/digits-.../model.npz --importance 5000 --annealed
      both estimates on all test images, less than a minute for the digits
  minivae evaluate runs/digits-.../model.npz --gaps

Sampling gives an upper bound of -log p(x) in expectation, the tighter the more samples.
"""

from dataclasses import replace

import numpy as np

from minivae import gaussian
from minivae.autoencoder import Autoencoder
from minivae.cli.arguments import add_data, add_model_file, add_seed, adder, whole
from minivae.cli.options import Opened
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.inference.diagnostics import active_units
from minivae.inference.gap import gap_report
from minivae.iwae import IWAE
from minivae.numerics import log_mean_exp

BATCH = 100  # images at a time
USUAL = 500  # importance samples; published numbers have 5000
BUDGET = 4e8  # decoded pixels that they may cost unless more is asked for: some seconds


def evaluate(arguments):
    """Print the means over the test images, each with its standard error."""
    opened = Opened.from_file(arguments.model, arguments)
    model, images, under = opened.model, opened.images, opened.under
    has_bound = not isinstance(model, Autoencoder)
    if not has_bound and (arguments.importance or arguments.annealed or arguments.gaps):
        raise ValueError(
            "--importance, --annealed, --gaps: expected a VAE or IWAE, got an Autoencoder,"
            " which says nothing of p(x)"
        )
    if arguments.gaps and model.C:
        raise ValueError(
            "--gaps: expected a model without a condition; for one class there is, in"
            " Python, gap_report(model.given(label), x, rng)"
        )
    rng = np.random.default_rng(arguments.seed)
    x = opened.floats(images.test, rng)
    N, scale_nats = len(x), images.scale_nats
    print(f"{N} test images of {images.name}; nats per image ± standard error")
    S, parts = arguments.samples, _parts(N, BATCH)
    columns = [_per_image(under(rows), x[rows], S, rng) for rows in parts]
    bound, rec, kl = np.concatenate(columns, axis=1, dtype=np.float64)
    name = f"-L_{S}" if isinstance(model, IWAE) else "nelbo"
    _print(name, bound + scale_nats)
    _print("rec", rec + scale_nats)
    _print("kl", kl)
    if not has_bound:
        return
    if N > 1:
        print(f"{active_units(under(slice(None)), x).sum()} of {model.K} units active")
    S = arguments.importance or USUAL
    few = max(BATCH, int(BUDGET / (S * model.D)))
    how = {f"importance sampling, {S} samples": (few, importance_log_likelihood, S, rng)}
    if arguments.annealed:
        how["annealed importance sampling"] = (BATCH, _annealed, rng)
    for name, (few, estimate, *settings) in how.items():
        n = N if arguments.importance else min(few, N)
        # A condition belongs to one image, and the estimates sort images into blocks.
        parts = _parts(n, 1 if model.C else n)
        log_p = [estimate(under(rows), x[rows], *settings) for rows in parts]
        those = f", the first {n} images" if n < N else ""
        note = f"  (at most: {name}{those})"
        _print("-log p(x)", scale_nats - np.concatenate(log_p), note)
    if arguments.gaps:
        _print_gaps(model, x[:BATCH], images, rng)


def _parts(N, size):
    return [slice(start, start + size) for start in range(0, N, size)]


def _per_image(model, x, samples, rng):
    """The bound, rec and kl of each image, shape (3, B)."""
    if isinstance(model, Autoencoder):
        rec = -model.likelihood.log_prob(x, model.decoder_output(model.code(x)))
        return np.stack([rec, rec, np.zeros_like(rec)])
    eps = rng.standard_normal((samples, len(x), model.K), dtype=model.dtype)
    bound = elbo = model.elbo(x, eps)
    if isinstance(model, IWAE):
        bound = log_mean_exp(model.log_weights(x, eps), axis=0)
    kl = gaussian.kl(*model.encode(x)).sum(axis=1)
    return np.stack([-bound, -elbo - kl, kl])


def _annealed(model, x, rng):
    from minivae.inference.annealed import annealed_log_likelihood

    return annealed_log_likelihood(model, x, rng).log_p


def _print(name, column, note=""):
    """One line: the mean of a column over the images, and its standard error."""
    mean, error = column.mean(), "unknown"  # of a single image
    if len(column) > 1:
        error = f"{mean_and_error(column)[1]:.3f}"
    print(f"{name:9} {mean:10.3f} ± {error}{note}", flush=True)


def _print_gaps(model, x, images, rng):
    """The gap report, exact where K allows, in the units of the values that came."""
    if model.K <= 2:
        model, x = model.astype(np.float64), x.astype(np.float64)
    report = gap_report(model, x, rng)
    rows = [(name, mean - images.scale_nats, error) for name, mean, error in report.rows]
    print(f"\nbetween the ELBO and log p(x), {len(x)} images:")
    print(replace(report, rows=rows))


def add_to(command):
    what = "print nelbo, rec, kl and -log p(x) of the test images"
    parser = command("evaluate", evaluate, what, __doc__)
    add_model_file(parser)
    add_data(parser)
    add = adder(parser)
    what = "samples of z per image for nelbo, rec and kl (default: %(default)s)"
    add("--samples", what, whole(1, 10_000), "S", default=10)
    what = (
        "importance samples per image for -log p(x), on all test images"
        f" (default: {USUAL}, on as many images as take some seconds)"
    )
    add("--importance", what, whole(1), "S")
    what = (
        "-log p(x) by annealed importance sampling too, which is tighter: on 100 images"
        " (ten seconds for the digits), or on all with --importance"
    )
    add("--annealed", what, action="store_true")
    what = "say what the encoder and the Gaussian family cost, on 100 images"
    add("--gaps", what, action="store_true")
    add_seed(parser)
