"""`minivae check my_vae.py:build`: the gradients of code that was written elsewhere."""

import importlib.util
import re
import sys
import traceback
from pathlib import Path

from minivae.gradcheck import check_gradient, check_model

FORMS = "a model.npz of `minivae train`, or FILE.py:FUNCTION such as my_vae.py:build"
PACKAGE = Path(__file__).resolve().parent.parent


def is_source(words):
    """Whether MODEL names a function; raise ValueError if it names no file either."""
    match = re.fullmatch(r"(.+):(\w+)", words)
    if match and _file(match[1]).is_file():
        return True
    if match or words.endswith(".py") or not Path(words).exists():
        raise ValueError(f"MODEL: expected {FORMS}, got {words!r}")
    return False


def check_source(words):
    """Check what FILE.py:FUNCTION returns; exit code 1 unless all is right, 2 if it fails.

    The function takes no argument and returns a model (`theta`, `grad`, `loss()`,
    `backward()`), or (model, x, eps), or (f, params, grad) as `check_gradient` takes it.
    """
    file, name = words.rsplit(":", 1)
    try:
        report = _report(_function(_file(file), name), words)
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = Path(frames[-1].filename).resolve().is_relative_to(PACKAGE)
        if ours and isinstance(error, (ValueError, TypeError)):
            raise  # one line says it
        traceback.print_exc()
        return 2
    print(report)
    return 0 if report else 1


def _file(name):
    return Path(name if name.endswith(".py") else f"{name}.py")


def _function(path, name):
    sys.path.insert(0, str(path.resolve().parent))  # it may import its neighbours
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, name, None)):
        raise ValueError(f"MODEL: expected a function {name!r} in {path}, found none")
    return getattr(module, name)


def _report(build, words):
    built = build()
    parts = built if isinstance(built, tuple) else (built,)
    if hasattr(parts[0], "backward"):
        return check_model(*parts)
    if len(parts) != 3 or not callable(parts[0]):
        raise ValueError(
            f"{words}: expected a model with theta, grad, loss() and backward(), or (model,"
            f" x, eps), or (f, params, grad), got {type(built).__name__}"
        )
    return check_gradient(*parts)
