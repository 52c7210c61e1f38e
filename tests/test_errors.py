import numpy as np
import pytest
from helpers import complains

from minivae.errors import (
    as_float_array,
    check_array,
    check_choice,
    check_finite,
    check_function,
    check_generator,
    check_instance,
    check_number,
    check_shape,
    check_sizes,
    check_whole,
)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_converted_and_not_copied_without_need(dtype):
    given = np.ones((2, 3), dtype)
    for wanted in (np.float32, np.float64):
        array = as_float_array("x", given, wanted, (None, 3))
        assert array.dtype == wanted
        assert (array is given) == (dtype == wanted)
    assert as_float_array("x", [[0.5, 1.0]], np.float32).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_integers_are_refused_with_a_way_out(dtype):
    with complains(TypeError, "pixels", "floating", np.dtype(dtype).name, "astype"):
        as_float_array("pixels", np.ones((2, 3), dtype), np.float32)


@pytest.mark.parametrize("dtype", [complex, np.complex64, "U3", object])
def test_what_cannot_be_converted_honestly_is_refused_without_one(dtype):
    with pytest.raises(TypeError, match=r"x: expected real floating") as caught:
        as_float_array("x", np.ones((2, 3)).astype(dtype), np.float32)
    assert "astype" not in str(caught.value)


def test_wrong_rank_and_empty_arrays_are_refused():
    with complains(ValueError, "x: expected shape (any, 4)", "(3,)"):
        as_float_array("x", np.ones(3), np.float64, (None, 4))
    with complains(ValueError, "x", "empty", "(0, 4)"):
        as_float_array("x", np.ones((0, 4)), np.float64, (None, 4))
    with complains(ValueError, "x: expected an array", "rows that differ"):
        as_float_array("x", [[0.5], [0.5, 1.0]], np.float64)


def test_a_mask_is_not_overlooked():
    with complains(ValueError, "x: expected an array without a mask"):
        as_float_array("x", np.ma.masked_array(np.ones(3), [0, 1, 0]), np.float64)
    whole = as_float_array("x", np.ma.masked_array(np.ones(3), [0, 0, 0]), np.float64)
    assert type(whole) is np.ndarray


def test_not_finite_is_refused_where_it_is_asked_for():
    array = np.array([1.0, np.nan])
    as_float_array("x", array, np.float64)
    check_array("x", array)
    for check in (
        lambda: as_float_array("x", array, float, finite=True),
        lambda: check_array("x", array, finite=True),
    ):
        with complains(ValueError, "x: expected finite", "nan", "(1,)"):
            check()


def test_inner_arrays_are_not_converted():
    check_array("dy", np.ones((2, 3)), (2, 3), np.float64)
    check_array("dy", np.ones((2, 3), np.float32), (None, 3))
    with complains(TypeError, "dy: expected an array, got list"):
        check_array("dy", [1.0])
    with complains(TypeError, "dy: expected real floating-point values, got int64"):
        check_array("dy", np.ones(3, np.int64))
    with complains(TypeError, "dy: expected dtype float32, got float64"):
        check_array("dy", np.ones(3), dtype=np.dtype(np.float32))
    with complains(ValueError, "dy: expected shape (2, 3), got (1, 3)"):
        check_array("dy", np.ones((1, 3)), (2, 3))


def test_shapes():
    check_shape("x", np.ones((2, 3)), (2, 3))
    check_shape("x", np.ones((2, 3)), (None, 3))
    for expected in [(2, 4), (None, 2), (2,), (1, 2, 3)]:
        with complains(ValueError, "x: expected shape", "(2, 3)"):
            check_shape("x", np.ones((2, 3)), expected)
    with complains(ValueError, "(any, 4)"):
        check_shape("x", np.ones((2, 3)), (None, 4))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_value_that_is_not_finite_is_located(bad):
    array = np.ones((3, 4))
    check_finite("x", array)
    array[1, 2] = array[2, 0] = bad
    with complains(ValueError, "x: expected finite", str(bad), "(1, 2)", "2 of 12"):
        check_finite("x", array)


def test_whole_numbers():
    assert check_whole("K", 3, minimum=1) == 3
    assert type(check_whole("K", np.int64(3), minimum=1)) is int
    with complains(ValueError, "K", "at least 1", "got 0"):
        check_whole("K", 0, minimum=1)
    for value in (2.0, "2", True, None):
        with complains(TypeError, "K", "whole number", repr(value)):
            check_whole("K", value, minimum=1)


def test_numbers():
    assert check_number("beta", np.float32(0.5)) == 0.5
    assert type(check_number("beta", np.float64(0.5))) is float
    assert check_number("beta", 0, minimum=0) == 0
    with complains(ValueError, "beta", "at least 0", "-1"):
        check_number("beta", -1, minimum=0)
    with complains(ValueError, "c", "above 0", "got 0"):
        check_number("c", 0, minimum=0, exclusive=True)
    for value in (np.nan, np.inf, -np.inf):
        with complains(ValueError, "beta", "finite", str(value)):
            check_number("beta", value)
    for value in ("1", None, True, 1j, np.complex128(1), [1.0]):
        with complains(TypeError, "beta", "real number", repr(value)):
            check_number("beta", value)


def test_choices_are_listed():
    check_choice("init", "he", ("glorot", "he"))
    with complains(ValueError, "init", "'glorot'", "'he'", "'xavier'"):
        check_choice("init", "xavier", ("glorot", "he"))


def test_only_generators_are_random(rng):
    check_generator("rng", rng)
    for value in (0, None, np.random, np.random.RandomState(0)):
        with complains(TypeError, "rng", "Generator", type(value).__name__):
            check_generator("rng", value)


def test_sizes_instances_and_functions():
    assert check_sizes("hidden", [3, np.int64(4)], (256,)) == (3, 4)
    for value in (None, 3, {3}, np.ones(2, int)):
        with complains(TypeError, "hidden: expected sizes such as (256,)", repr(value)):
            check_sizes("hidden", value, (256,))
    with complains(ValueError, "hidden: expected at least 1, got 0"):
        check_sizes("hidden", (3, 0), (256,))
    check_instance("state", {}, dict)
    with complains(TypeError, "state: expected a list or tuple like that, got {}"):
        check_instance("state", {}, (list, tuple), " like that")
    check_function("f", len)
    for value in (None, dict):
        with complains(TypeError, "f: expected a function", repr(value)):
            check_function("f", value)
