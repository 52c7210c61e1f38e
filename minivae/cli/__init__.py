"""The command line.

- `parser`: commands and their options
- `options`: from the words on the command line to objects
- `commands`: what each command does
"""

from minivae.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
