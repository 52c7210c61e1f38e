"""`minivae check`: every claim about a model, or the gradients of somebody else's code.

MODEL may be a function in a file of yours, such as my_vae.py:build, whose gradients are
compared with the derivatives of its loss. It takes no argument and returns one of
  model             with arrays theta and grad, loss() and backward()
  model, x, eps     the same, with loss(x, eps)
  f, params, grad   params a dict of arrays in the order of the forward pass, f(params) a
                    number, grad(params) a dict of the gradients
Noise has to be frozen. The exit code is 0 if all is right, 1 if something is wrong or
could not be decided, and 2 if the file cannot be used.
"""

import importlib.util
import re
import sys
import traceback
from pathlib import Path

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.cli.arguments import add_data, add_model_file, add_seed
from minivae.cli.options import Opened
from minivae.datasets import load_digits
from minivae.gradcheck import check_gradient, check_model
from minivae.iwae import IWAE
from minivae.likelihoods import Binomial
from minivae.optim import Adam
from minivae.training import fit
from minivae.vae import VAE

FORMS = "a model.npz of `minivae train`, or FILE.py:FUNCTION such as my_vae.py:build"
PACKAGE = Path(__file__).resolve().parent.parent


def check(arguments):
    """Climb the ladder of checks with a model, or check the gradients of other code.

    Exit code 1 if a claim fails.
    """
    source = find_source(arguments.model) if arguments.model else None
    if source:
        return check_source(*source, arguments.model)
    # a tenth of a second that only this command needs
    from minivae.ladder import climb
    from minivae.ladder.waiting import announced

    rng = np.random.default_rng(arguments.seed)
    if arguments.model:
        opened = Opened.from_file(arguments.model, arguments)
        if isinstance(opened.model, Autoencoder):
            raise ValueError("MODEL: expected a VAE or IWAE, got an Autoencoder: no bound")
    else:
        digits = load_digits()
        model = VAE.mlp(64, 2, (64,), Binomial(digits.max_count), rng=rng)
        print("a VAE with 2 latent dimensions, trained on the digits for 20 epochs")
        with announced("training it", sys.stderr):
            settings = {"epochs": 20, "batch_size": 50, "rng": rng, "progress": False}
            fit(model, digits, Adam(2e-3), **settings)
        opened = Opened(model, digits)
    x = opened.floats(opened.images.test[:8], rng, np.float64)
    # p(x|label) is a density for any x: one label for all
    model = opened.under(slice(0, 1)).astype(np.float64)
    if isinstance(model, IWAE):
        model = model.as_vae()  # rung 1 checks the objective of IWAE, on models of its own
    table = climb(model, x, rng, stream=sys.stderr)
    print(table)
    return None if table else 1


def find_source(words):
    """The file and the name of the function that MODEL names; None if it is a model file.

    Raises
    ------
    ValueError
        If it is neither.
    """
    match = re.fullmatch(r"(.+?)(\.py)?:(\w+)", words)
    if match and (path := Path(f"{match[1]}.py")).is_file():
        return path, match[3]
    if match or words.endswith(".py") or not Path(words).exists():
        raise ValueError(f"MODEL: expected {FORMS}, got {words!r}")
    return None


def check_source(path, name, words):
    """Check what a function in a file returns: 1 unless all is right, 2 if it fails.

    The function takes no argument and returns a model (`theta`, `grad`, `loss()`,
    `backward()`), or (model, x, eps), or (f, params, grad) as `check_gradient` takes it.
    """
    try:
        build = getattr(load_program(path), name, None)
        if not callable(build):
            raise ValueError(f"MODEL: expected a function {name!r} in {path}, found none")
        report = _report(build(), words)
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = Path(frames[-1].filename).resolve().is_relative_to(PACKAGE)
        if ours and isinstance(error, (ValueError, TypeError)):
            raise  # one line says it
        traceback.print_exc()
        return 2
    print(report)
    return 0 if report else 1


def load_program(path):
    """A program in a file of its own as a module; it may import its neighbours."""
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _report(built, words):
    parts = built if isinstance(built, tuple) else (built,)
    if hasattr(parts[0], "backward"):
        return check_model(*parts)
    if len(parts) != 3 or not callable(parts[0]):
        raise ValueError(
            f"{words}: expected a model with theta, grad, loss() and backward(), or (model,"
            f" x, eps), or (f, params, grad), got {type(built).__name__}"
        )
    return check_gradient(*parts)


def add_to(command):
    what = "check every claim about a model, or the gradients of code of your own"
    parser = command("check", check, what, __doc__)
    which = "a model.npz that train has written, or FILE.py:FUNCTION (default: a small VAE"
    add_model_file(parser, f"{which} of the digits, trained on the spot)", nargs="?")
    add_data(parser)
    add_seed(parser)
