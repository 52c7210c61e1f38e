"""The checker's two figures. Matplotlib is imported only when one is drawn."""

import numpy as np

# Okabe & Ito's colours, told apart by colour-blind readers and on projectors.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def _axes(ax):
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1] if ax is None else ax


def draw_taylor(test, ax=None):
    """Draw a `TaylorTest` on log-log axes, with guides of slope 1 and 2.

    Parameters
    ----------
    test : TaylorTest
    ax : matplotlib Axes, optional
        A new figure's if none is given.

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax)
    h = test.h
    ax.loglog(h, np.maximum(test.change, test.floor / 100), "s-", color=GREY, ms=4, lw=1)
    ax.loglog(h, np.maximum(test.remainder, test.floor / 100), "o-", color=BLUE, ms=5)
    if test:
        guide, label = test.remainder[0] / 6 * (h / h[0]) ** 2, "slope 2"
    else:
        guide, label = test.remainder[-1] / 6 * (h / h[-1]), "slope 1"
    shown = guide > test.floor
    ax.loglog(h[shown], guide[shown], ":", color=ORANGE, lw=2)
    ax.axhspan(test.floor / 100, test.floor, color=GREY, alpha=0.15, lw=0)
    ax.set_ylim(bottom=test.floor / 100)
    names = ["|f(θ + hv) − f(θ)|", "|f(θ + hv) − f(θ) − h g·v|", f"guide of {label}"]
    ax.legend([*names, "rounding"], frameon=False, loc="upper left")
    ax.set_xlabel("step length h")
    ax.set_ylabel("size, in units of f")
    slope = "∞" if np.isinf(test.slope) else f"{test.slope:.2f}"
    verdict = "the gradient is right" if test else "the gradient is wrong"
    ax.set_title(f"Taylor remainder: slope {slope}, {verdict}")
    return ax


def draw_error_curve(curve, ax=None):
    """Draw an `ErrorCurve`: relative error against step size, the V.

    Parameters
    ----------
    curve : ErrorCurve
    ax : matplotlib Axes, optional
        A new figure's if none is given.

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax)
    styles = {"forward": (ORANGE, "s-"), "central": (BLUE, "o-"), "complex": (GREEN, "^-")}
    labels = {
        "forward": "forward: (f(θ + hv) − f(θ)) / h",
        "central": "central: (f(θ + hv) − f(θ − hv)) / 2h",
        "complex": "complex step: Im f(θ + ihv) / h",
    }
    for name, error in curve.errors.items():
        color, style = styles[name]
        # An error of exactly zero has no place on a log axis: show it as one rounding.
        ax.loglog(
            curve.h, np.maximum(error, 1e-16), style, color=color, ms=4, label=labels[name]
        )
    ax.axvline(1e-8, color=ORANGE, lw=1, ls=":")
    ax.axvline(6e-6, color=BLUE, lw=1, ls=":")
    ax.set_ylim(1e-17, 10)
    ax.set_xlabel("step h (dotted: square and cube root of the float64 precision)")
    ax.set_ylabel("relative error of the derivative")
    ax.set_title("Too large a step truncates, too small a step rounds")
    ax.legend(frameon=False, loc="upper center", ncols=1)
    return ax
