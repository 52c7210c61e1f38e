"""Check a gradient written by hand, and hear what is wrong with it.

    report = check_gradient(f, theta, grad)  # any function, any claimed gradient
    report = check_model(model, x, eps)      # theta, grad, loss(x, eps), backward()
    report = check_layer(layer, x, rng)      # forward(x), backward(dy)
    report = check_likelihood(likelihood, x, y, rng)

    print(report)          # a table, then a diagnosis
    report.assert_ok()     # in a test: the same text as an AssertionError

The derivatives it is compared with come from the loss alone (`differences`). The Taylor
remainder, a test that needs no tolerance, is `minivae.plots.taylor_test`.
"""

from minivae.gradcheck.check import check_gradient, check_vjp
from minivae.gradcheck.differences import Estimate, central, complex_step, richardson
from minivae.gradcheck.layerwise import check_layer, check_likelihood
from minivae.gradcheck.models import check_model
from minivae.gradcheck.report import Hint, Report

__all__ = [
    "Estimate",
    "Hint",
    "Report",
    "central",
    "check_gradient",
    "check_layer",
    "check_likelihood",
    "check_model",
    "check_vjp",
    "complex_step",
    "richardson",
]
