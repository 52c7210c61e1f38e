"""The examples in docstrings are run, and what is used most has one."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "minivae").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert tried and not failed, f"{name}: {failed} of {tried} lines of examples failed"


def test_thirty_of_the_most_used_have_an_example():
    with_examples = set()
    for name in MODULES:
        module = importlib.import_module(name.removesuffix(".__init__"))
        found = doctest.DocTestFinder().find(module)
        with_examples |= {test.name for test in found if test.examples}
    assert len(with_examples) >= 30, f"expected 30, got {len(with_examples)}"
