"""`minivae course`, `exercises`, `grade`: the course in a folder, and what was learned.

Each task runs in a process of its own, so that nothing a file does by mistake stops the
grader. It is no sandbox: a file that means harm can do it. The exit code is 0 whatever
the points.
"""

import base64
import hashlib
import io
import json
import zipfile
from importlib import metadata
from pathlib import Path

import minivae
from minivae.atomic import replacing
from minivae.cli.arguments import adder, number
from minivae.cli.check import load_program
from minivae.course import course_folder, exercise_files, write_new

README = """\
# The course of minivae

1. `pip install '{wheel}[notebooks]'` in this folder, if minivae is not installed yet.
2. `jupyter lab notebooks` and open the first one. Or read `00_the_whole_thing.py`, a
   chapter as a plain program, in any editor, and run it: `python 00_the_whole_thing.py`.
3. `minivae grade exercises` says which exercises are to do; begin with `01_linear.py`.

What to read in which order: `syllabus.md`. The letters of all formulas: `notation.md`.

Nothing here needs a network. To use a notebook on Colab or a JupyterHub, upload it with
`{wheel}`: its first cell installs that file.
"""
LEFT_OUT = ("notebooks", "_build", "__pycache__", ".ipynb_checkpoints")


def course(arguments):
    """Write chapters, notebooks, exercises and the wheel; nothing is overwritten."""
    tutorials, name = course_folder(), f"minivae-{minivae.__version__}-py3-none-any.whl"
    build = load_program(tutorials / "build.py")
    files = {"README.md": README.format(wheel=name).encode(), name: wheel(tutorials)}
    for path in build.chapters():
        files[path.name] = path.read_bytes()
        notebook = json.dumps(build.notebook_of(build.with_setup(path)), indent=1)
        files[f"notebooks/{path.stem}.ipynb"] = notebook.encode()
    for path in ("checks.py", "vae_on_one_page.py", "growing_out_of_it.md"):
        files[path] = (tutorials / path).read_bytes()
    files["syllabus.md"] = (tutorials / "README.md").read_bytes()
    files["notation.md"] = (tutorials / "book" / "notation.md").read_bytes()
    for path in _files(tutorials / "exercises"):
        inside = path.relative_to(tutorials)
        if arguments.solutions or "solutions" not in inside.parts:
            files[inside.as_posix()] = path.read_bytes()
    files |= {f"exercises/{name}": content for name, content in exercise_files().items()}
    folder = Path(arguments.folder)
    written, kept = write_new(folder, files)
    for path in kept:
        print(f"{path}: kept as it is")
    print(f"{folder}: {len(written)} files written; begin with {folder / 'README.md'}")


def _files(folder):
    """The files below a folder, without what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(LEFT_OUT) & set(path.relative_to(folder).parts):
            yield path


def wheel(tutorials):
    """The bytes of a wheel of this very package and its course.

    A wheel is a zip archive with a list of its files (PyPA's "binary distribution
    format"). It is made of the installed files, so that it can be handed on from any
    machine, without a network.
    """
    try:
        installed = metadata.distribution("minivae")
    except metadata.PackageNotFoundError:
        raise ValueError(
            "minivae: expected an installed package, got a bare folder: pip install it"
        ) from None
    info = f"minivae-{minivae.__version__}.dist-info"
    share = f"minivae-{minivae.__version__}.data/data/share/minivae"
    package = Path(minivae.__file__).parent
    members = {f"minivae/{p.relative_to(package).as_posix()}": p for p in _files(package)}
    for path in (*_files(tutorials), *tutorials.parent.glob("benchmarks/*.csv")):
        members[f"{share}/{path.relative_to(tutorials.parent).as_posix()}"] = path
    contents = {name: path.read_bytes() for name, path in members.items()}
    about = installed.read_text("METADATA") or installed.read_text("PKG-INFO")
    contents[f"{info}/METADATA"] = about.encode()
    contents[f"{info}/entry_points.txt"] = installed.read_text("entry_points.txt").encode()
    contents[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: minivae course\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n"
    )
    record = "".join(f"{n},{_hash(c)},{len(c)}\n" for n, c in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            # one date for all: the same files make the same wheel
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _hash(content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"


def exercises(arguments):
    """Copy the task files, their test, and the digits that the last task draws.

    A file that is there already stays as it is, whatever it holds, unless --force says
    otherwise.
    """
    folder, files = Path(arguments.folder), exercise_files()
    written, kept = write_new(folder, files, arguments.force)
    for path in kept:
        print(f"{path}: kept as it is (--force replaces it)")
    new, old = len(written), len(files) - len(written)
    print(f"{folder}: {new} files written, {old} kept; begin with {min(files)}")
    print(f"then: minivae grade {folder}")


def grade(arguments):
    """Print a table of tasks, points, verdicts and hints; with --json write them, too.

    The JSON is written before anything is graded and again before each row is printed:
    neither a broken pipe nor a killed grader costs the verdicts that are known.
    """
    # longer to import than all the rest, and needed by this command only
    from minivae.grading import TASKS, runner

    folder, seconds = Path(arguments.folder), arguments.timeout
    tasks = runner.grade_folder(folder, seconds, arguments.formulas)
    graded = []

    def rows():
        for one in tasks:
            graded.append(one)
            _save(arguments.json, runner.results(graded))
            yield runner.report(one)
        points, possible = sum(g.points for g in graded), sum(t.points for t in TASKS)
        yield f"{'total':20} {f'{points}/{possible}':>7}"

    _save(arguments.json, runner.results(graded))
    lines = rows()
    try:
        for line in lines:
            print(line, flush=True)
    except OSError:  # nobody reads any more; the grading goes on
        list(lines)
        raise


def _save(path, results):
    """Write the file that --json names, if it does."""
    if path is None:
        return
    path = Path(path)
    wanted = f"--json: expected a file that can be written, got {path}"
    if path.exists() and not path.is_file():
        raise ValueError(f"{wanted}, which is no regular file")
    try:
        with replacing(path) as file:
            file.write(json.dumps(results, indent=2).encode())
    except OSError as error:
        raise ValueError(f"{wanted}: {error.strerror}") from None


def add_to(command):
    made = "made if it does not exist"
    what = "write the whole course to a folder: chapters, notebooks, exercises, the wheel"
    add = adder(command("course", course, what))
    add("folder", f"{made}; nothing is overwritten", metavar="FOLDER")
    add("--solutions", "with the solutions, for teachers", action="store_true")
    add = adder(command("exercises", exercises, "copy the exercises to a folder"))
    add("folder", made, metavar="FOLDER")
    add("--force", "replace files that are there, answers and all", action="store_true")
    add = adder(command("grade", grade, "grade a folder of exercises", __doc__))
    add("folder", "the folder with 01_linear.py and so on", metavar="FOLDER")
    add("--json", "write what Gradescope reads: results.json", metavar="FILE")
    add("--formulas", "end each hint with the formula", action="store_true")
    above_0 = number(0, exclusive=True)
    add("--timeout", "for each task (default: %(default)s)", above_0, "SECONDS", default=60)
