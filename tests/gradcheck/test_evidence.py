"""What the evidence says of a block: verdict, worst entry, how free its numbers are."""

import numpy as np
import pytest

from minivae.gradcheck.evidence import Block, Direction, Evidence, Subject
from minivae.gradcheck.oracle import Oracle
from minivae.gradcheck.parameters import Parameters


def block(claimed, expected, error=0.0, shape=None, **more):
    """A block of which every entry was looked at, with a tolerance of 1e-3."""
    claimed, expected = (np.asarray(a, float).ravel() for a in (claimed, expected))
    made = Block("W", slice(4, 4 + claimed.size), shape or claimed.shape, 1e-3, **more)
    made.indices = np.arange(4, 4 + claimed.size)
    made.claimed, made.expected = claimed, expected
    made.error = np.broadcast_to(float(error), claimed.shape).copy()
    return made


@pytest.mark.parametrize(
    ("claimed", "expected", "error", "verdict"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0, "ok"),
        ([1.0, 2.0], [1.0015, 2.0], 0, "ok"),  # relative to the largest, which is 2
        ([1.0, 2.0], [1.0025, 2.0], 0, "WRONG"),
        ([1.0, 2.0], [1.0025, 2.0], 1e-4, "ok"),  # ten times the error is allowed on top
        ([1.0, 2.0], [1.0, 2.0], 3e-4, "undecided"),
        ([1.0, 2.0], [1.5, 2.0], 3e-4, "WRONG"),
        ([1.0, 2.0], [np.nan, 2.0], np.inf, "undecided"),
        ([np.nan, 2.0], [1.0, 2.0], 0, "WRONG"),
        ([np.inf, 2.0], [1.0, 2.0], np.inf, "WRONG"),
        ([0.0, 0.0], [0.0, 0.0], 0, "ok"),
    ],
)
def test_verdicts(claimed, expected, error, verdict):
    assert block(claimed, expected, error).verdict == verdict


def test_a_wrong_shape_a_kink_and_a_direction_count():
    assert block([np.nan], [1.0], given=np.ones((1, 1))).verdict == "WRONG"
    kinked = block([1.0, 2.0], [1.5, 2.0], kinks={4: (1.0, 2.0)})
    assert kinked.verdict == "undecided" and not kinked.wrong.any()
    along = block([1.0], [1.0])
    along.directions = [Direction(1.0, 1.0005, 0.0, 1.0)]
    assert along.verdict == "ok"
    along.directions.append(Direction(1.0, 1.002, 0.0, 1.0))
    assert along.verdict == "WRONG"


def test_the_worst_entry_by_its_index():
    made = block([[1.0, 2.0], [3.0, 5.0]], [[1.0, 2.5], [3.0, 4.0]], shape=(2, 2))
    assert made.worst == 3 and made.entry_name(3) == [1, 1]
    assert made.relative_error == pytest.approx(1 / 5)
    assert block([0.0], [0.0]).relative_error == 0
    undecided = block([1.0, 2.0], [1.1, 2.0])
    undecided.error[:] = 0.0, 1.0
    assert undecided.worst == 0, "a wrong entry before one that is not decided"


def test_what_can_be_read_and_what_depends_on_nothing():
    assert block([1.0], [1.0]).readable and not block([np.nan], [1.0]).readable
    assert block([1.0], [0.0]).idle and not block([0.0], [1.0]).idle
    seen = block([0.0], [0.0])
    seen.directions = [Direction(0.0, 0.5, 0.0, 1.0)]
    assert not seen.idle


def test_numbers_that_are_products_of_two_vectors_are_not_free():
    outer = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0, 4.0])
    assert block(outer, outer, shape=(3, 4)).freedom == 3
    full = outer + np.diag([1.0, 2.0, 3.0, 0.0])[:3]
    assert block(full, full, shape=(3, 4)).freedom > 3
    assert block([1.0, 0.0, 2.0], [1.0, 0.0, 2.0]).freedom == 2


def test_the_last_term_is_the_whole_less_the_others():
    """It is never evaluated; its errors are those of the whole and of the others."""
    parameters = Parameters(np.array([0.5, 2.0]))

    def untouched(theta):
        raise AssertionError

    parts = {"sine": lambda t: np.sin(t).sum(), "rest": untouched}
    subject = Subject(lambda t: np.sin(t).sum() + t[0] ** 3, None, parameters, parts=parts)
    evidence = Evidence(subject, [0.0] * 3, False)
    evidence.oracle = Oracle(subject.loss, parameters.flat)
    slopes, error = evidence.part("rest", np.array([0, 1]))
    np.testing.assert_allclose(slopes, [0.75, 0.0], atol=1e-9)
    assert (np.abs(slopes - [0.75, 0.0]) <= 10 * error + 1e-15).all()
    assert evidence.part("sine", np.array([1]))[0] == pytest.approx(np.cos(2.0))


def test_restless_blocks_change_or_come_back_doubled():
    made = {name: block([1.0], [1.0]) for name in "abc"}
    for i, one in enumerate(made.values()):
        one.where = slice(i, i + 1)
    evidence = Evidence(None, [0.0] * 3, False, blocks=made)
    evidence.claims = [np.array(c) for c in ([1.0, 2, 3], [1.0, 2.5, 3], [1.0, 2.5, 6])]
    assert evidence.restless == [made["b"], made["c"]]
