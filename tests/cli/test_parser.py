"""Which commands there are, what their help says, and that defaults are those it states."""

import re

import pytest

from minivae import __version__
from minivae.cli import build_parser, main, parser

COMMANDS = (
    "train evaluate check sample explore export import zoo course exercises grade"
).split()
NEEDED = {"check": [], "train": [], "zoo": [], "import": ["w.npz", "--like", "m.npz"]}


def test_every_command_has_its_function_its_help_and_a_line_in_the_overview():
    subparsers = next(a for a in build_parser()._actions if a.dest == "command")
    assert list(subparsers.choices) == COMMANDS
    assert [action.dest for action in subparsers._choices_actions] == COMMANDS
    for name in COMMANDS:
        arguments = build_parser().parse_args([name, *NEEDED.get(name, ["x"])])
        assert callable(arguments.run) and arguments.command == name
        assert f"minivae {name}" in parser.OVERVIEW


def test_functions_belong_to_their_commands():
    for name in set(COMMANDS) - {"import", "exercises", "grade"}:
        run = build_parser().parse_args([name, *NEEDED.get(name, ["x"])]).run
        assert run.__name__ == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_is_explained(name, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([name, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    subparsers = next(a for a in build_parser()._actions if a.dest == "command")
    for action in subparsers.choices[name]._actions:
        assert action.help and all(option in text for option in action.option_strings)
    assert "`" not in text, "the docstring's first line is for readers of the code"


def test_the_text_below_the_options_is_the_modules_docstring(capsys):
    for name, words in (("train", "Ctrl-C ends training"), ("grade", "It is no sandbox")):
        with pytest.raises(SystemExit, match=r"^0$"):
            main([name, "--help"])
        assert words in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["course", "--help"])
    assert "sandbox" not in capsys.readouterr().out


def test_a_new_file_is_asked_for_by_one_option_everywhere():
    """-o and --out, and the default that `new_file` counts on from."""
    subparsers = next(a for a in build_parser()._actions if a.dest == "command")
    for name in ("sample", "explore", "export", "import"):
        (out,) = (a for a in subparsers.choices[name]._actions if a.dest == "out")
        assert out.option_strings == ["-o", "--out"] and out.default is None
        stem, ending = re.search(r"default: (\w+)(\.\w+)", out.help).groups()
        assert f"the next free {stem}-2{ending}, ..." in out.help


def test_the_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"minivae {__version__}\n"


def test_commands_that_read_images_take_the_same_options():
    subparsers = next(a for a in build_parser()._actions if a.dest == "command")
    for name in ("train", "evaluate", "check", "explore"):
        found = {a.dest: a.help for a in subparsers.choices[name]._actions}
        assert {"data", "data_dir", "shape", "max_count"} <= found.keys(), name
        default = "digits" if name == "train" else "what the model was trained on"
        assert f"(default: {default}" in found["data"], name
