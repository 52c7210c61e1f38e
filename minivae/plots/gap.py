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
    names = [name for name, _, _ in report.rows]
    means = [mean for _, mean, _ in report.rows]
    errors = [2 * se for _, _, se in report.rows]
    low, fitted, top = means[0], means[-2], means[-1]
    fig = new_figure(9, 0.6 * len(names) + 1.8)
    ax = fig.subplots()
    amortization, approximation = report.amortization[0], report.approximation[0]
    title = f"{top - low:.2f} nats between the ELBO and log p(x)"
    plain_axes(ax, title, "nats per image (± 2 standard errors)", "")
    ax.axvspan(low, fitted, color=AMORTIZATION, alpha=0.3, lw=0)
    ax.axvspan(fitted, top, color=FAMILY, alpha=0.3, lw=0)
    ax.errorbar(means, range(len(means)), xerr=errors, fmt="o", color="black", capsize=3)
    for i, mean in enumerate(means):
        ax.annotate(
            f"{mean:.2f}", (mean, i), (0, 8), textcoords="offset points", ha="center"
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) + 0.2)
    ax.margins(x=0.12)
    y = len(names) - 0.2
    ax.text(
        (low + fitted) / 2, y, f"the encoder:\n{amortization:.2f}", ha="center", va="center"
    )
    ax.text(top, y, f" the family:\n {approximation:.2f}", ha="left", va="center")
    return fig
