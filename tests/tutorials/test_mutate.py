"""The harness that alters the chapters' formulas, and the lists that it reads."""

import importlib.util
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SPEC = importlib.util.spec_from_file_location("mutate", TUTORIALS / "mutate.py")
mutate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutate)

LISTS = sorted((TUTORIALS / "mutations").glob("*.txt"))

CHAPTER = """# %% [markdown]
# Twice: $2 x$. In code `2 * x`.
#
# $$ y = 2 x \\tag{1.1} $$

# %%
def twice(x):
    return 2 * x


assert twice(3) == 6, "twice"
"""

LIST = """(1.1) twice
- return 2 * x
+ return 3 * x
+ return x + x
+ return 2 * y

"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course of one chapter."""
    (tmp_path / "mutations").mkdir()
    (tmp_path / "01_twice.py").write_text(CHAPTER, encoding="utf-8")
    (tmp_path / "mutations" / "01_twice.txt").write_text(LIST, encoding="utf-8")
    monkeypatch.setattr(mutate, "HERE", tmp_path)
    return tmp_path


def test_an_alteration_is_caught_survives_or_dies(folder):
    mutations = mutate.read_mutations(folder / "mutations" / "01_twice.txt")
    assert [m.new for m in mutations] == ["return 3 * x", "return x + x", "return 2 * y"]
    results = [mutate.run(m) for m in mutations]
    assert [verdict for verdict, _, _ in results] == ["caught", "SURVIVED", "died"]
    assert results[0][1] == "AssertionError: twice"


def test_running_for_ever_is_no_catch(folder, monkeypatch):
    monkeypatch.setattr(mutate, "SECONDS", 1)
    forever = mutate.Mutation(
        "01_twice", "(1.1)", "return 2 * x", "return twice(x)\n\n\nwhile 1: 0"
    )
    assert mutate.run(forever)[0] == "endless"


def test_the_command_fails_when_one_survives(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mutate.py"])
    with pytest.raises(SystemExit) as end:
        mutate.main()
    assert end.value.code == 1
    out = capsys.readouterr().out
    assert "1 of 3 alterations caught" in out and "SURVIVED: 01_twice" in out


def test_a_blind_spot_must_be_one_and_be_seen_elsewhere(folder):
    (folder / "02_thrice.py").write_text(CHAPTER, encoding="utf-8")
    (folder / "mutations" / "02_thrice.txt").write_text(
        "(2.1) seen\n- return 2 * x\n+ return 3 * x\n\n"
        "(2.2) not seen\n- return 2 * x\n+ return x + x\n",
        encoding="utf-8",
    )

    def verdict(new, seen_by):
        path = folder / "mutations" / "01_twice.txt"
        text = f"(1.1) twice\n- return 2 * x\n+ {new}\nblind: {seen_by}\n"
        path.write_text(text, encoding="utf-8")
        [mutation] = mutate.read_mutations(path)
        return mutate.judge(mutation)[0]

    assert verdict("return x + x", "02 (2.1) seen") == "caught"
    assert verdict("return 3 * x", "02 (2.1) seen") == "not blind, but caught"
    survived = "not seen by 02 (2.2) not seen, SURVIVED"
    assert verdict("return x + x", "02 (2.2) not seen") == survived
    with pytest.raises(ValueError, match=r"blind: expected .* got '02 \(7.7\)'"):
        verdict("return x + x", "02 (7.7)")


def test_only_code_is_searched_and_altered(folder):
    mutation = mutate.Mutation("01_twice", "(1.1)", "2 * x", "3 * x")
    changed = mutate.altered(CHAPTER, mutation)
    assert "`2 * x`" in changed and "return 3 * x" in changed
    assert mutate.complaints(CHAPTER, [mutation], "01_twice") == []


def test_complaints_about_the_list():
    gone = mutate.Mutation("01_twice", "(1.1)", "return 7 * x", "return x")
    often = mutate.Mutation("01_twice", "(1.1)", "twice", "thrice")
    found = mutate.complaints(CHAPTER, [gone, often], "01_twice")
    assert found == [
        "01_twice: found 0 times: return 7 * x",
        "01_twice: found 3 times: twice",
    ]
    left_out = CHAPTER.replace("1.1", "1.2")
    assert mutate.complaints(left_out, [], "01") == ["01: equation (1.2) has no alteration"]


def test_a_line_that_is_not_understood(tmp_path):
    path = tmp_path / "01_twice.txt"
    path.write_text("(1.1) twice\n-return 2 * x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"01_twice\.txt, line 2: not understood"):
        mutate.read_mutations(path)


def test_sample_is_spread_and_repeats():
    assert mutate.sample(list(range(10)), 4) == [0, 2, 5, 7]
    assert mutate.sample([1, 2], 5) == [1, 2]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_the_lists_fit_their_chapters(path):
    """Every piece occurs exactly once, and every numbered equation is altered."""
    source = (TUTORIALS / f"{path.stem}.py").read_text(encoding="utf-8")
    mutations = mutate.read_mutations(path)
    assert mutations
    assert mutate.complaints(source, mutations, path.stem) == []
