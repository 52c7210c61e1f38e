"""The command line.

- `parser`, `groups`, `values`: commands, their options, what a word has to be
- `options`: from the words on the command line to objects
- `training`, `evaluation`, `zoo`, `commands`, `gradients`, `course`: what each command does
- `folders`: where they write, none over another
"""

from minivae.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
