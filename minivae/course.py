"""Where the course is: beside the package in a clone, in `share` once installed."""

import sys
from importlib import metadata
from pathlib import Path

from minivae.atomic import replacing


def course_folder():
    """The folder `tutorials`, with its chapters and exercises.

    A clone has it beside the package, and so has an editable installation. A wheel puts
    it into the environment, as `share/minivae/tutorials`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If there is none: the package was copied without it.
    """
    package = Path(__file__).resolve().parent
    places = [package.parent, *_installed(), Path(sys.prefix, "share", "minivae")]
    for place in places:
        if (place / "tutorials" / "exercises" / "01_linear.py").is_file():
            return place / "tutorials"
    looked = ", ".join(str(place / "tutorials") for place in dict.fromkeys(places))
    raise FileNotFoundError(
        f"tutorials: expected the folder of the course in one of {looked}; install minivae"
        " again from its wheel or its clone"
    )


def _installed():
    """Where the wheel's own list of files says that the course is."""
    try:
        files = metadata.files("minivae") or ()
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.parts[-4:] == ("minivae", "tutorials", "exercises", "01_linear.py"):
            yield Path(file.locate()).resolve().parents[2]


def exercise_files():
    """What a student gets: the task files, their test, and the digits for the last task.

    Returns
    -------
    dict of str to bytes
        Contents by name.
    """
    paths = sorted((course_folder() / "exercises").glob("*.py"))
    paths.append(Path(__file__).resolve().parent / "datasets" / "digits.npz")
    return {path.name: path.read_bytes() for path in paths}


def write_new(folder, files, force=False):
    """Write files into a folder; what is there already stays as it is.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist.
    files : dict of str to bytes
        Contents by path below the folder.
    force : bool
        Replace what is there.

    Returns
    -------
    written, kept : list of pathlib.Path
        Kept are those files that were there with another content.
    """
    written, kept = [], []
    for name, content in files.items():
        path = Path(folder, name)
        if path.exists() and not force:
            if path.read_bytes() != content:
                kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
        written.append(path)
    return written, kept
