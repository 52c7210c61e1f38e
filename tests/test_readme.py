"""What the README says is run, or looked for."""

import re
from pathlib import Path

import pytest

from minivae.cli import build_parser
from minivae.zoo import BUGS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_python_example_runs_and_is_ten_lines(tmp_path, monkeypatch):
    example, *_ = blocks("python")
    assert len([line for line in example.splitlines() if line]) == 10
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")
    nelbo = names["history"]["test_nelbo"]
    assert nelbo[-1] < 105 < nelbo[0], f"test nelbo went from {nelbo[0]} to {nelbo[-1]}"


def test_the_checker_says_what_is_printed_here(capsys):
    _, vae, recipe = blocks("python")
    names = {}
    exec(compile(vae, "README.md", "exec"), names)
    assert blocks("text")[0] in capsys.readouterr().out
    wrong = "dz * eps * np.exp(log_std) / 2"
    assert wrong in vae
    exec(compile(vae.replace(wrong, wrong[:-4]), "README.md", "exec"), names)
    assert "gradient check: ok" in capsys.readouterr().out
    right, params = names["grad"], names["params"]

    def train_step(p, x, rng, lr):
        for name, g in right(p).items():
            p[name] -= lr * g

    names["train_step"] = train_step
    exec(compile(recipe, "README.md", "exec"), names)
    names["check_gradient"](names["loss"], params, names["grad"]).assert_ok()


def test_the_two_commands_train_and_test():
    first, second = blocks("sh")
    assert first.splitlines()[-1] == ".venv/bin/minivae train"
    [windows] = blocks("bat")
    same = windows.replace("py -m", "python3 -m").replace(".venv\\Scripts\\", ".venv/bin/")
    assert same.replace("'", "").split() == (first + second).replace("'", "").split()
    assert second.splitlines()[-1] == ".venv/bin/pytest"


def test_every_minivae_command_in_the_text_is_one():
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    commands = [c.split() for c in re.findall(r"`minivae ([^`]+)`", prose)]
    assert ["train", "--help"] in commands
    for words in commands:
        if "--help" in words:
            with pytest.raises(SystemExit, match=r"^0$"):
                build_parser().parse_args(words)
        elif words[0] == "train":
            build_parser().parse_args(words)
        elif words[0] == "check" or words[0] in ("course", "exercises", "zoo"):
            build_parser().parse_args(words)
        else:
            build_parser().parse_args([*words, "model.npz"])


def test_every_file_it_names_exists():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    modules = [f"minivae/{name}" for name in re.findall(r"`(\w+\.py)`", README)]
    assert "tutorials/images/plane.png" in links and "minivae/vae.py" in modules
    for path in links + modules:
        assert path.startswith("#") or (ROOT / path).exists(), (
            f"README.md names {path}, which is not there"
        )


def test_it_counts_the_bugs_right():
    assert f"injects {len(BUGS)} bugs" in README
    assert f"zoo of {len(BUGS)} bugs" in README


def test_the_pictures_are_small():
    for path in re.findall(r"^!\[.+\]\((.+)\)$", README, flags=re.MULTILINE):
        assert (ROOT / path).stat().st_size < 100_000, path


def test_the_first_screen_shows_the_plane_and_the_zoo_and_the_start_follows():
    head = README[: README.index("## Start")]
    assert re.findall(r"\((\S+\.png)\)", head) == [
        "tutorials/images/plane.png",
        "tutorials/images/zoo.png",
    ]
    assert head.count("\n") < 40
