"""What the process of one task runs: `python -m minivae.grading TASK FILE RESULT`."""

import json
import os
import sys
import warnings
from pathlib import Path

from minivae.grading import TASKS, grade_source

if __name__ == "__main__":
    name, path, result = sys.argv[1:]
    warnings.simplefilter("ignore")
    task = next(task for task in TASKS if task.name == name)
    source = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    parts = grade_source(task, source, path)
    Path(result).write_text(json.dumps(parts), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # whatever threads or exit handlers the student left behind
