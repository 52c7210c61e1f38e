"""Train a model, measure it, keep it.

- `fitting`: the training loop, `fit`; `evaluation`: the loss of a batch and of a data set
- `history`: what training reports; `progress`: the line on the terminal
- `checkpoints`: a model file, and all that training needs to go on; `specs`: the objects
  in it as data, and back
- `parallel`: several processes, one model
- `torch_weights`: weights to and from PyTorch
"""

from minivae.training.checkpoints import Checkpoint, load, save
from minivae.training.evaluation import evaluate
from minivae.training.fitting import fit
from minivae.training.history import History, patience

__all__ = ["Checkpoint", "History", "evaluate", "fit", "load", "patience", "save"]
