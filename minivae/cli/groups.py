"""Arguments that commands share, and the many of `train` and `zoo`."""

from minivae.cli.options import LIKELIHOODS
from minivae.cli.values import number, shape, whole

ZOO = """\
examples:
  minivae zoo                       the matrix of bugs and checks, some minutes
  minivae zoo kl-without-its-half   one of them: its story, its code, who sees it
  minivae zoo --hunt 7              for a class: a bug is in, everybody looks for it
  minivae zoo --hunt 7 --run my_checks.py
  minivae zoo --hunt 7 --answer kl-without-its-half

In a notebook: from minivae.zoo.hunting import release, answer; release(7)
"""


def add_model_file(parser):
    parser.add_argument("model", metavar="MODEL", help="a model.npz that train has written")


def add_seed(parser):
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        help="of the random generator; the same seed gives the same result"
        " (default: %(default)s)",
    )


def add_data(parser, default):
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        metavar="NAME",
        help="digits, faces, mnist; or images of your own: a .npy, .npz, .csv or IDX file,"
        f" a folder of PNG files, or one with the four files of MNIST (default: {default})",
    )
    group.add_argument(
        "--data-dir", metavar="DIR", help="the folder of the MNIST files; no download then"
    )
    group.add_argument(
        "--shape",
        type=shape,
        metavar="RxC",
        help="rows and columns of your own images where they come as rows of numbers, as in"
        " 28x20 (default: a square, or else one row)",
    )
    group.add_argument(
        "--max-count",
        type=whole(1, 255),
        metavar="M",
        help="your own pixels are counts 0..M, whole numbers of any type (default: 1 or 255"
        " for integers; floats are real values)",
    )


def add_model(parser):
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=("vae", "iwae", "autoencoder"), help="(default: vae)")
    add(
        "--conditional",
        action="store_true",
        default=None,
        help="p(x|z, label): learn under the labels of the images, or the factors they"
        " were drawn from (default: without)",
    )
    add(
        "--likelihood",
        metavar="NAME",
        help=f"p(x|z): {LIKELIHOODS}. c is a variance and b a scale, learned if not given"
        " (default: binomial for digits, bernoulli for mnist and for binary images,"
        " binomial with --max-count, gaussian for others)",
    )
    add("--latent", type=whole(1), metavar="K", help="latent dimensions (default: 16)")
    add(
        "--hidden",
        type=whole(1),
        nargs="*",
        metavar="H",
        help="widths of the encoder's hidden layers, the decoder's in reverse;"
        " none makes the model linear (default: 256)",
    )
    add(
        "--conv",
        type=whole(1),
        nargs="*",
        metavar="C",
        help="in their place, channels of convolutions that each halve the image, the"
        " decoder's in reverse; without a number 32 64 (default: none)",
    )
    add(
        "--activation",
        choices=("tanh", "relu", "softplus", "sigmoid"),
        help="(default: tanh)",
    )


def add_training(parser):
    add = parser.add_argument_group("training").add_argument
    add(
        "--binarize",
        choices=("none", "threshold", "stochastic"),
        help="make pixels 0 or 1 (default: stochastic where bernoulli meets pixels that"
        " are not binary, else none)",
    )
    add("--beta", type=number(0), help="weight of the KL in the objective (default: 1)")
    add(
        "--warmup",
        type=whole(1),
        metavar="EPOCHS",
        help="raise that weight from 0 to its value in so many epochs (default: none)",
    )
    add(
        "--free-bits",
        type=number(0),
        metavar="NATS",
        help="nats of KL in each latent dimension that cost nothing (default: 0)",
    )
    add(
        "--samples",
        type=whole(1),
        metavar="S",
        help="samples of z per image and step (default: 1, for iwae 5)",
    )
    add(
        "--epochs",
        type=whole(1),
        help="passes over the training images, in all (default: as many as make about 4500"
        " steps)",
    )
    add("--batch-size", type=whole(1), metavar="B", help="images per step (default: 100)")
    add("--optimizer", choices=("adam", "sgd"), help="(default: adam)")
    add(
        "--lr",
        type=number(0, exclusive=True),
        help="learning rate (default: 0.002, for sgd 0.0005)",
    )
    add(
        "--schedule",
        choices=("constant", "cosine"),
        help="how the learning rate goes on: cosine brings it to 0 in the last epoch"
        " (default: constant)",
    )
    add(
        "--patience",
        type=whole(1),
        metavar="EPOCHS",
        help="stop when the test nelbo has not fallen for so many (default: never)",
    )
    add("--seed", type=whole(0), help="of weights, shuffling and noise (default: 0)")
    add(
        "--resume",
        metavar="MODEL",
        help="go on with the training of this model.npz; it holds all other settings",
    )
    add(
        "--out",
        metavar="DIR",
        help="a new folder for all that is written (default: runs/DATA-DATE-TIME)",
    )


def add_zoo(command):
    def zoo(arguments):  # the ladder takes longer to import than all the rest
        from minivae.cli import zoo

        return zoo.zoo(arguments)

    add = command("zoo", zoo, "inject known bugs, and see which check catches which", ZOO)
    add = add.add_argument
    add("name", metavar="NAME", nargs="?", help="one bug, with its story (default: all)")
    add("--list", action="store_true", help="tell of all bugs, and stop")
    add(
        "--figure",
        metavar="FILE",
        help="also draw who catches whom: a new .png, .pdf or .svg",
    )
    add(
        "--hunt",
        type=whole(0),
        metavar="SEED",
        help="inject one bug without saying which, and open Python to find it",
    )
    add(
        "--run",
        dest="run_file",
        metavar="FILE",
        help="run this file of checks in its place",
    )
    add("--answer", metavar="NAME", help="with --hunt: is it this one? exit code 0 or 1")
