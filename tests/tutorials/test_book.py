"""What the look at the built book in Chromium counts as wrong."""

import importlib.util
import json
from pathlib import Path

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SPEC = importlib.util.spec_from_file_location("check_book", TUTORIALS / "check_book.py")
check_book = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_book)

GOOD = {"page": "a.html", "formulas": 2, "set": 2, "errors": [], "broken": [], "cut": []}


def test_a_good_page_has_no_complaints():
    assert check_book.complaints([GOOD], []) == []


def test_everything_wrong_is_named_with_its_page():
    bad = GOOD | {
        "set": 1,
        "errors": ["Missing argument"],
        "broken": ["x.png"],
        "cut": ["table wide"],
    }
    assert check_book.complaints([GOOD, bad], ["http://example.org/"]) == [
        "asked of another machine: http://example.org/",
        "a.html: 1 of 2 formulas set",
        "a.html: formula error: Missing argument",
        "a.html: picture missing: x.png",
        "a.html: too wide: table wide",
    ]


def test_only_what_a_page_asked_for_counts():
    events = [
        {"params": {"initiator": "not an origin", "url": "https://updates.example/"}},
        {"params": {"initiator": "http://127.0.0.1:1", "url": "http://example.org/x.png"}},
        {"params": {"url": "http://127.0.0.1:1/probe"}},
    ]
    compact = (json.dumps(event, separators=(",", ":")) for event in events)
    log = '{"events": [\n' + ",\n".join(compact) + "\n]}"
    assert check_book.requested_by_pages(log) == ["http://example.org/x.png"]
