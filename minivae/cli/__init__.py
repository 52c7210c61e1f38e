"""The command line.

- `parser`: which commands there are, and how each ends
- `training`, `evaluation`, `check`, `sample`, `explore`, `weights`, `zoo`, `course`: each
  with its arguments, the text of its help, and what it does
- `arguments`: those that commands share, and what a word has to be
- `options`: from the words on the command line to objects
- `folders`: where they write, none over another
"""

from minivae.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
