"""What a word on the command line becomes, or why not."""

import argparse

import pytest

from minivae.cli import arguments


def refused(kind, word):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        kind(word)
    return str(error.value)


def test_text_is_anything_but_nothing():
    assert arguments.text(" a b") == " a b"
    for word in ("", "  "):
        assert refused(arguments.text, word) == f"expected a name, got {word!r}"


def test_whole_numbers_within_their_bounds():
    kind = arguments.whole(1, 255)
    assert [kind(word) for word in ("1", " 255 ", "007")] == [1, 255, 7]
    for word in ("0", "256", "-3", "2.0", "1e2", "", "½", "1_0"):
        message = f"expected a whole number of at least 1 and at most 255, got {word!r}"
        assert refused(kind, word) == message
    assert arguments.whole(-2)("-2") == -2 and arguments.whole(0)("9" * 30) == int("9" * 30)


def test_numbers_are_finite_and_keep_their_bound():
    assert arguments.number(0)("0") == 0.0 and arguments.number(0)("1e-3") == 1e-3
    for word in ("-1", "nan", "inf", "1,5", "x"):
        message = f"expected a finite number of at least 0, got {word!r}"
        assert refused(arguments.number(0), word) == message
    assert "above 0, got '0'" in refused(arguments.number(0, exclusive=True), "0")


@pytest.mark.parametrize("word", ["28x20", "28X20", " 28×20"])
def test_a_shape_is_rows_by_columns(word):
    assert arguments.shape(word) == (28, 20)


@pytest.mark.parametrize("word", ["28", "0x3", "3x", "-3x4", "3x4x5", "9999999x1"])
def test_anything_else_is_no_shape(word):
    assert refused(arguments.shape, word) == f"expected ROWSxCOLUMNS, 28x20, got {word!r}"


def test_a_label_is_a_whole_number_or_factors():
    assert arguments.label("7") == 7 and isinstance(arguments.label("7"), int)
    assert arguments.label("0.5,-1") == [0.5, -1.0] and arguments.label("-1") == [-1.0]
    for word in ("seven", "1,,2", "nan,1", ""):
        assert f"expected a label such as 7, or factors such as 0.5,-1, got {word!r}" == (
            refused(arguments.label, word)
        )


def test_what_commands_share_is_parsed_alike():
    parser = argparse.ArgumentParser()
    arguments.add_model_file(parser)
    arguments.add_data(parser)
    arguments.add_seed(parser)
    arguments.add_out(parser, ".npz", "weights.npz")
    words = "m.npz --data own --data-dir d --shape 2x3 --max-count 255 --seed 7 -o w"
    assert vars(parser.parse_args(words.split())) == {
        "model": "m.npz", "data": "own", "data_dir": "d", "shape": (2, 3),
        "max_count": 255, "seed": 7, "out": "w",
    }  # fmt: skip
    assert vars(parser.parse_args(["m.npz"])) == {
        "model": "m.npz", "data": None, "data_dir": None, "shape": None,
        "max_count": None, "seed": 0, "out": None,
    }  # fmt: skip
    text = " ".join(parser.format_help().split())
    for words in ("a new .npz (default: weights.npz, or the next free weights-2.npz, ...)",
                  "(default: what the model was trained on)", "same result (default: 0)",
                  "--data NAME", "--data-dir DIR", "--shape RxC", "--max-count M",
                  "--out FILE", "MODEL a model.npz that train has written"):  # fmt: skip
        assert words in text
    for wrong in ("--max-count 256", "--max-count 0", "--seed -1", "--shape 0x3"):
        with pytest.raises(SystemExit, match=r"^2$"):
            parser.parse_args(["m.npz", *wrong.split()])
    with pytest.raises(SystemExit, match=r"^2$"):
        parser.parse_args([])


def test_an_option_has_type_metavar_and_help_by_position():
    parser = argparse.ArgumentParser()
    add = arguments.adder(parser.add_argument_group("some"))
    add("--steps", "how many", arguments.whole(1), "S", default=3)
    add("--flag", "yes or no", action="store_true")
    assert vars(parser.parse_args(["--steps", "5"])) == {"steps": 5, "flag": False}
    assert vars(parser.parse_args(["--flag"])) == {"steps": 3, "flag": True}
    text = parser.format_help()
    assert "--steps S" in text and "how many" in text and "yes or no" in text
    with pytest.raises(SystemExit, match=r"^2$"):
        parser.parse_args(["--steps", "0"])
