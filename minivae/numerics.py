"""Four functions whose textbook formulas overflow, written so that they do not."""

import math

import numpy as np


def sigmoid(x):
    """1 / (1 + exp(-x)), elementwise, without overflow and accurate in both tails."""
    t = np.exp(-np.abs(x))  # in (0, 1], whatever the sign of x
    return np.maximum(t, x >= 0) / (1 + t)  # the numerator is 1 if x >= 0, else t


def softplus(x):
    """log(1 + exp(x)), elementwise, as max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_sum_exp(a, axis):
    """log sum_i exp(a_i) along `axis`, the largest term taken out of the sum.

    Minus infinity (a probability of zero) is a legal entry, and the result of a sum
    of zeros.
    """
    top = np.max(a, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(a - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def log_mean_exp(a, axis):
    """log of the mean of exp(a_i) along `axis`: how log p(x) is averaged over samples."""
    return log_sum_exp(a, axis) - math.log(a.shape[axis])  # np.log would give float64
