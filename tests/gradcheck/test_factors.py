"""Names for the constants that mistakes multiply gradients by."""

from minivae.gradcheck.factors import factor_names, factor_reason, factor_text


def test_factor_names_prefer_the_simple_and_list_coincidences():
    assert factor_names(2.0, {"B": 8}) == ["2"]
    assert factor_names(2.0, {"B": 2}) == ["B", "2"]
    assert factor_names(-0.125, {"B": 8}) == ["−1/B"]
    assert factor_names(3.7, {"B": 8}) == []


def test_sizes_of_zero_and_one_name_nothing():
    assert factor_names(3.7, {"X": 0, "B": 1}) == []
    assert factor_names(1.0, {"B": 1}) == ["1"]


def test_a_factor_is_written_with_its_names_and_reasons():
    assert factor_text(0.0625, ["1/B"]) == "0.0625 = 1/B"
    assert factor_text(2.0, ["2"]) == "2"
    assert "mean over the batch" in factor_reason(["1/B"])
    assert "½" in factor_reason(["2"]) and factor_reason(["1"]) == ""
