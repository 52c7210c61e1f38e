"""The gap report as a figure: its points and shares are those of the report."""

import pytest

from minivae.inference.gap import GapReport
from minivae.plots import draw_gaps

ROWS = [("ELBO", -90.0, 0.5), ("ELBO, q*", -88.0, 0.25), ("log p(x)", -84.0, 0.1)]
REPORT = GapReport(ROWS, "exact", (4.0, 0.1), (2.0, 0.2), 2, 2)


def test_each_bound_has_its_point_its_bar_and_its_name():
    ax = draw_gaps(REPORT).axes[0]
    points, _, (bars,) = ax.containers[0]
    assert points.get_xdata() == pytest.approx([-90, -88, -84])
    assert [t.get_text() for t in ax.get_yticklabels()] == [name for name, _, _ in ROWS]
    ends = [(a[0], b[0]) for a, b in bars.get_segments()]
    for (low, high), (_, mean, error) in zip(ends, ROWS, strict=True):
        assert (low, high) == pytest.approx((mean - 2 * error, mean + 2 * error))


def test_the_two_shares_lie_between_the_bounds_and_say_their_nats():
    ax = draw_gaps(REPORT).axes[0]
    spans = sorted(p.get_extents().intervalx.tolist() for p in map(_path, ax.patches))
    assert spans[0] == pytest.approx([-90, -88]) and spans[1] == pytest.approx([-88, -84])
    left, right = ax.get_xlim()
    assert left < -90.6 and right > -83.4, "names of shares and bars need room beside"
    words = [text.get_text() for text in ax.texts]
    assert "the encoder:\n2.00" in words and " the family:\n 4.00" in words
    assert ax.get_title() == "6.00 nats between the ELBO and log p(x)"


def _path(patch):
    return patch.get_path().transformed(patch.get_patch_transform())
