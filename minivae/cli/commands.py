"""What the commands do: each is a function of the parsed arguments.

A command returns its exit code, or None for 0. What it raises is reported by
`cli.main` in one line.
"""

import sys

import numpy as np

from minivae.atomic import replacing
from minivae.autoencoder import Autoencoder
from minivae.cli import gradients
from minivae.cli.folders import new_file
from minivae.cli.options import colours, load_data
from minivae.datasets import load_digits
from minivae.datasets.files import read_npz
from minivae.datasets.images import prepare
from minivae.iwae import IWAE
from minivae.likelihoods import Binomial
from minivae.optim import Adam
from minivae.training import checkpoints, fit
from minivae.training.evaluation import condition_of, scaling
from minivae.training.torch_weights import load_state_dict, state_dict, torch_source
from minivae.vae import VAE

MOST_DRAWN = 10_000  # images in one picture


def check(arguments):
    """Climb the ladder of checks with a model, or check the gradients of other code.

    Exit code 1 if a claim fails.
    """
    if arguments.model and gradients.is_source(arguments.model):
        return gradients.check_source(arguments.model)
    # a tenth of a second that only this command needs
    from minivae.ladder import climb
    from minivae.ladder.waiting import announced

    rng = np.random.default_rng(arguments.seed)
    if arguments.model:
        saved = checkpoints.load(arguments.model)
        images = load_data(arguments, saved)
        if isinstance(saved.model, Autoencoder):
            raise ValueError("MODEL: expected a VAE or IWAE, got an Autoencoder: no bound")
        model, binarize = saved.model, (saved.settings or {}).get("binarize", "none")
    else:
        images, binarize = load_digits(), "none"
        model = VAE.mlp(
            images.train.shape[1], 2, (64,), Binomial(images.max_count), rng=rng
        )
        print("a VAE with 2 latent dimensions, trained on the digits for 20 epochs")
        with announced("training it", sys.stderr):
            fit(
                model, images, Adam(2e-3), epochs=20, batch_size=50, rng=rng, progress=False
            )
    scaled = scaling(model, images, binarize)
    x = prepare(images.test[:8], images.max_count, np.float64, binarize, scaled, rng)
    if isinstance(model, IWAE):
        model = model.as_vae()  # rung 1 checks the objective of IWAE, on models of its own
    model = model.astype(np.float64)
    condition = condition_of(model, images, "test")
    if condition is not None:  # p(x|label) is a density for any x: one label for all
        model = model.given(condition[0] if condition.ndim == 1 else condition[:1])
    table = climb(model, x, rng, stream=sys.stderr)
    print(table)
    return None if table else 1


def sample(arguments):
    """Write images drawn from the prior, as a picture or as an array."""
    saved = checkpoints.load(arguments.model)
    model, data = saved.model, saved.data or {}
    if isinstance(model, Autoencoder):
        raise ValueError(
            "MODEL: expected one with a prior, a VAE or IWAE, got an Autoencoder"
        )
    if arguments.label is not None:
        model = model.given(arguments.label)
    elif model.C:
        raise ValueError(
            f"--label: expected one for a model with a condition, a label 0..{model.C - 1}"
            f" or {model.C} factors, got none"
        )
    path = new_file(arguments.out, "samples.png")
    rng = np.random.default_rng(arguments.seed)
    shape, scale = tuple(data.get("shape", (1, model.D))), data.get("scale", 1.0)
    n, draw_pixels = arguments.n, arguments.draw_pixels
    if path.suffix == ".npy":
        images = model.sample(n, rng, mean=not draw_pixels).reshape(n, *shape)
        with replacing(path) as file:  # real values in the units that came
            np.save(file, images * images.dtype.type(scale) + data.get("offset", 0))
    elif n > MOST_DRAWN:
        raise ValueError(
            f"-n: expected at most {MOST_DRAWN} for a picture, got {n}; --out FILE.npy"
            " takes as many as there is memory"
        )
    else:
        from minivae import plots

        look = {"cmap": colours(data.get("name")), "limits": data.get("limits")}
        plots.save_figure(plots.samples(model, shape, rng, n, draw_pixels, **look), path)
    print(path)


def export(arguments):
    """Write the weights as PyTorch names and shapes them, and print how to load them."""
    model = checkpoints.load(arguments.model).model
    path, weights = new_file(arguments.out, "weights.npz"), state_dict(model)
    with replacing(path) as file:
        np.savez(file, **weights)
    double = ".double()" if model.dtype == np.float64 else ""
    print(f"# {path}: {len(weights)} arrays of {model.dtype}, to be loaded like this:")
    print("import numpy as np\nimport torch\nfrom torch import nn\n")
    print(torch_source(model))
    print(f"model = Model(){double}\nweights = np.load({str(path)!r})")
    print("model.load_state_dict({k: torch.from_numpy(weights[k]) for k in weights})")


def import_weights(arguments):
    """Write a model of the architecture of --like with the weights of a torch module."""
    saved = checkpoints.load(arguments.like)
    path = new_file(arguments.out, "model.npz")
    load_state_dict(saved.model, read_npz(arguments.weights))
    # Optimizer, generator and history belong to the training of the old weights.
    checkpoints.save(path, saved.model, settings=saved.settings, data=saved.data)
    print(path)
