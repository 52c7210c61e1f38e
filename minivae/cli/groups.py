"""Arguments that commands share."""

from minivae.cli.values import shape, whole


def add_model_file(parser, **other):
    settings = {"metavar": "MODEL", "help": "a model.npz that train has written"}
    parser.add_argument("model", **settings | other)


def add_seed(parser):
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        help="of the random generator; the same seed gives the same result"
        " (default: %(default)s)",
    )


def add_out(parser, kinds, default):
    """--out: a new file, or the first free one of the default's name."""
    stem, dot, ending = default.partition(".")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help=f"a new {kinds} (default: {default}, or the next free"
        f" {stem}-2{dot}{ending}, ...)",
    )


def add_data(parser, default="what the model was trained on"):
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
