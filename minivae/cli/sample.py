"""`minivae sample`: images drawn from the prior, as a picture or as an array."""

import numpy as np

from minivae.atomic import replacing
from minivae.autoencoder import Autoencoder
from minivae.cli.arguments import add_model_file, add_out, add_seed, adder, label, whole
from minivae.cli.folders import new_file
from minivae.cli.options import colours
from minivae.training import checkpoints

MOST_DRAWN = 10_000  # images in one picture


def sample(arguments):
    """Draw the images and write them to a new file."""
    saved = checkpoints.load(arguments.model)
    model, data, n = saved.model, saved.data or {}, arguments.n
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
    if path.suffix == ".npy":
        images = model.sample(n, rng, mean=not arguments.draw_pixels).reshape(n, *shape)
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
        figure = plots.samples(model, shape, rng, n, arguments.draw_pixels, **look)
        plots.save_figure(figure, path)
    print(path)


def add_to(command):
    parser = command("sample", sample, "draw new images from a trained model")
    add_model_file(parser)
    add = adder(parser)
    what = (
        "what to sample, for a model trained with --conditional: a label such as 7,"
        " or factors such as 0.5,-1,0,0,0,0 (default: none)"
    )
    add("--label", what, label, "L")
    add("-n", "how many images (default: %(default)s)", whole(1), default=64)
    drawn = "draw the pixels, x ~ p(x|z), instead of showing their means E[x|z]"
    add("--draw-pixels", drawn, action="store_true")
    add_out(parser, ".png, .pdf or .svg, or .npy for the array of images", "samples.png")
    add_seed(parser)
