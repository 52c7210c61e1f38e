"""How a training went: its history, drawn."""

import numpy as np

from minivae.plots.drawing import TEST, TEXT, TRAIN, new_figure, plain_axes


def learning_curves(history):
    """Test and training nelbo, rec and kl against the epoch, three panels in one row.

    A plain autoencoder has no kl, and gets the one panel of rec. Where something else than
    the nelbo was minimised, that objective has a panel too.

    Parameters
    ----------
    history : History
        What `fit` returns. Its nelbo is the one of β = 1, whatever was minimised.

    Returns
    -------
    Figure
    """
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"]
    if len(epoch) == 0:
        raise ValueError("history: expected at least one epoch, got none")
    titles = {
        "nelbo": "nelbo = rec + kl",
        "rec": "rec: the image given its code",
        "kl": "kl: the code itself",
    }
    names = list(titles) if history["train_kl"].any() else ["rec"]
    titles["objective"] = "objective: what was minimised"
    if not np.allclose(history["test_objective"], history["test_nelbo"], rtol=1e-5):
        names.append("objective")
    fig = new_figure(3.5 * len(names) + 0.3, 3.6)
    axes = np.ravel(fig.subplots(1, len(names)))
    for ax, name in zip(axes, names, strict=True):
        train, test = history[f"train_{name}"], history[f"test_{name}"]
        marker = "o" if len(epoch) == 1 else None
        for y, part, colour in ((train, "train", TRAIN), (test, "test", TEST)):
            label = f"{part}, {round(y[-1], 1) + 0.0:.1f} at the end"  # 0.0, not -0.0
            ax.plot(epoch, y, color=colour, lw=2.2, marker=marker, label=label)
        plain_axes(ax, titles[name], "epoch", "nats per image" if ax is axes[0] else "")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        ax.set_ylim(*_settled_limits([train, test]))
        ax.legend(fontsize=11, labelcolor=TEXT, edgecolor="none", handlelength=2.2)
    return fig


def _settled_limits(curves):
    """Limits of the y axis that let the first twentieth of the epochs leave the panel.

    The loss falls by hundreds of nats there and would press all the rest into one line.
    """
    settled = np.concatenate([y[len(y) // 20 :] for y in curves])
    low, high = settled.min(), settled.max()
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + 2 * margin
