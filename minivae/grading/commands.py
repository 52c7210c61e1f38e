"""`minivae exercises` and `minivae grade`: functions of the parsed arguments."""

import json
from pathlib import Path

from minivae.atomic import replacing
from minivae.grading import TASKS
from minivae.grading.runner import TASK_FILES, grade_folder, results, table


def exercises(arguments):
    """Copy the task files, and the test that grades them, to a folder.

    A file that is there already stays as it is, whatever it holds, unless --force says
    otherwise.
    """
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = kept = 0
    for source in sorted(TASK_FILES.glob("*.py")):
        target, fresh = folder / source.name, source.read_bytes()
        if target.exists() and not arguments.force:
            if target.read_bytes() != fresh:
                print(f"{target}: kept as it is (--force replaces it)")
            kept += 1
            continue
        with replacing(target) as file:
            file.write(fresh)
        written += 1
    print(f"{folder}: {written} files written, {kept} kept; begin with {TASKS[0].name}.py")
    print(f"then: minivae grade {folder}")


def grade(arguments):
    """Print a table of tasks, points, verdicts and hints; with --json write them, too."""
    path = Path(arguments.json) if arguments.json else None
    if path and not path.parent.is_dir():
        raise ValueError(f"--json: expected a file in a folder that exists, got {path}")
    graded = []
    for one in grade_folder(arguments.folder, arguments.timeout):
        graded.append(one)
        print("\n".join(table([one])), flush=True)
    points, possible = sum(g.points for g in graded), sum(t.points for t in TASKS)
    print(f"{'total':20} {f'{points}/{possible}':>7}")
    if path:
        with replacing(path) as file:
            file.write(json.dumps(results(graded), indent=2).encode())
