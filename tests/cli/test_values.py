"""What a word on the command line becomes, or why not."""

import argparse

import pytest

from minivae.cli import values


def refused(kind, word):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        kind(word)
    return str(error.value)


def test_text_is_anything_but_nothing():
    assert values.text(" a b") == " a b"
    for word in ("", "  "):
        assert refused(values.text, word) == f"expected a name, got {word!r}"


def test_whole_numbers_within_their_bounds():
    kind = values.whole(1, 255)
    assert [kind(word) for word in ("1", " 255 ", "007")] == [1, 255, 7]
    for word in ("0", "256", "-3", "2.0", "1e2", "", "½", "1_0"):
        message = f"expected a whole number of at least 1 and at most 255, got {word!r}"
        assert refused(kind, word) == message
    assert values.whole(-2)("-2") == -2 and values.whole(0)("9" * 30) == int("9" * 30)


def test_numbers_are_finite_and_keep_their_bound():
    assert values.number(0)("0") == 0.0 and values.number(0)("1e-3") == 1e-3
    for word in ("-1", "nan", "inf", "1,5", "x"):
        message = f"expected a finite number of at least 0, got {word!r}"
        assert refused(values.number(0), word) == message
    assert "above 0, got '0'" in refused(values.number(0, exclusive=True), "0")


@pytest.mark.parametrize("word", ["28x20", "28X20", " 28×20"])
def test_a_shape_is_rows_by_columns(word):
    assert values.shape(word) == (28, 20)


@pytest.mark.parametrize("word", ["28", "0x3", "3x", "-3x4", "3x4x5", "9999999x1"])
def test_anything_else_is_no_shape(word):
    assert refused(values.shape, word) == f"expected ROWSxCOLUMNS, 28x20, got {word!r}"


def test_a_label_is_a_whole_number_or_factors():
    assert values.label("7") == 7 and isinstance(values.label("7"), int)
    assert values.label("0.5,-1") == [0.5, -1.0] and values.label("-1") == [-1.0]
    for word in ("seven", "1,,2", "nan,1", ""):
        assert f"expected a label such as 7, or factors such as 0.5,-1, got {word!r}" == (
            refused(values.label, word)
        )
