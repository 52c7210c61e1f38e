"""A term of the loss that is missing, or has a factor."""

from gradcheck_examples import affine

from minivae.gradcheck import check_gradient


def test_a_missing_term_is_found_from_functions_alone():
    loss, theta, grad, _ = affine()

    def penalised(p):
        return loss(p) + 0.1 * (p["W"] ** 2).sum()

    parts = {"data": loss, "penalty": lambda p: 0.1 * (p["W"] ** 2).sum()}
    report = check_gradient(penalised, theta, grad, parts=parts)
    assert report.hints[0].cause == "part_factor", str(report)
    assert "the part 'penalty' is missing" in report.hints[0].text, str(report)
