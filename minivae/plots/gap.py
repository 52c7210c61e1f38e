"""The gap report of `minivae.inference.gap` as a figure."""

from minivae.plots.drawing import new_figure, plain_axes

AMORTIZATION, FAMILY = "#E69F00", "#56B4E9"  # Okabe & Ito's orange and sky blue


def draw_gaps(report):
    """The report as a figure: a ladder of bounds, and the two parts of the gap.

    Parameters
    ----------
    report : GapReport
        What `gap_report` returns; its numbers are nats per image, and the bars two
        standard errors long to each side.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names, means, errors = zip(*report.rows, strict=True)
    low, *_, fitted, top = means
    fig = new_figure(9, 0.6 * len(names) + 1.8)
    ax = fig.subplots()
    title = f"{top - low:.2f} nats between the ELBO and log p(x)"
    plain_axes(ax, title, "nats per image (± 2 standard errors)", "")
    ax.axvspan(low, fitted, color=AMORTIZATION, alpha=0.3, lw=0)
    ax.axvspan(fitted, top, color=FAMILY, alpha=0.3, lw=0)
    bars = {"xerr": [2 * error for error in errors], "capsize": 3}
    ax.errorbar(means, range(len(means)), fmt="o", color="black", **bars)
    for i, mean in enumerate(means):
        ax.annotate(
            f"{mean:.2f}", (mean, i), (0, 8), textcoords="offset points", ha="center"
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) + 0.2)
    ax.margins(x=0.12)
    y = len(names) - 0.2
    encoder = f"the encoder:\n{report.amortization[0]:.2f}"
    ax.text((low + fitted) / 2, y, encoder, ha="center", va="center")
    family = f" the family:\n {report.approximation[0]:.2f}"
    ax.text(top, y, family, ha="left", va="center")
    return fig
