"""`minivae exercises` and `minivae grade`: functions of the parsed arguments."""

import json
from pathlib import Path

from minivae.atomic import replacing
from minivae.course import exercise_files, write_new
from minivae.grading import TASKS
from minivae.grading.runner import grade_folder, results, table


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
    print(f"{folder}: {new} files written, {old} kept; begin with {TASKS[0].name}.py")
    print(f"then: minivae grade {folder}")


def grade(arguments):
    """Print a table of tasks, points, verdicts and hints; with --json write them, too.

    The JSON is written before anything is graded and again before each row is printed:
    neither a broken pipe nor a killed grader costs the verdicts that are known.
    """
    folder = Path(arguments.folder)
    tasks = grade_folder(folder, arguments.timeout, arguments.formulas)
    path = None if arguments.json is None else Path(arguments.json)
    graded = []

    def save():
        if path is None:
            return
        wanted = f"--json: expected a file that can be written, got {path}"
        if path.exists() and not path.is_file():
            raise ValueError(f"{wanted}, which is no regular file")
        try:
            with replacing(path) as file:
                file.write(json.dumps(results(graded), indent=2).encode())
        except OSError as error:
            raise ValueError(f"{wanted}: {error.strerror}") from None

    def rows():
        for one in tasks:
            graded.append(one)
            save()
            yield "\n".join(table([one]))
        points, possible = sum(g.points for g in graded), sum(t.points for t in TASKS)
        yield f"{'total':20} {f'{points}/{possible}':>7}"

    save()
    lines = rows()
    try:
        for line in lines:
            print(line, flush=True)
    except OSError:  # nobody reads any more; the grading goes on
        list(lines)
        raise
