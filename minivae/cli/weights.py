"""`minivae export`, `minivae import`: weights for PyTorch, and back.

WEIGHTS is written in Python by
  np.savez("weights.npz", **{k: v.cpu().numpy() for k, v in module.state_dict().items()})
"""

import numpy as np

from minivae.atomic import replacing
from minivae.cli.arguments import add_model_file, add_out, adder
from minivae.cli.folders import new_file
from minivae.datasets.files import read_npz
from minivae.training import checkpoints
from minivae.training.torch_weights import load_state_dict, state_dict, torch_source


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


def add_to(command):
    what = "write the weights for PyTorch, and print how to load them"
    parser = command("export", export, what)
    add_model_file(parser)
    add_out(parser, ".npz", "weights.npz")
    what = "make a model of weights from PyTorch"
    parser = command("import", import_weights, what, __doc__)
    add = adder(parser)
    add("weights", "a .npz with the arrays of a state_dict", metavar="WEIGHTS")
    like = "a model.npz of the same architecture; it stays as it is"
    add("--like", like, metavar="MODEL", required=True)
    add_out(parser, ".npz", "model.npz")
