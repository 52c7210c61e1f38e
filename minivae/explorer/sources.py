"""Which line of the heart computes each box of the page, and which chapter explains it."""

from pathlib import Path

from minivae.course import course_folder

VAE_LINES = {
    "h": ("vae.py", "h = self.encoder.forward(x)", "06"),
    "q": ("vae.py", "self.mu_head.forward(h), self.logvar_head.forward(h)", "02"),
    "noise": ("vae.py", "z = gaussian.reparameterize(mu, logvar, eps)", "05"),
    "z": ("gaussian.py", "return mu + np.exp(0.5 * logvar) * eps", "05"),
    "y": ("vae.py", "y = self.decoder_output(z)", "06"),
    "mean": ("vae.py", "return self.likelihood.mean(y) if mean", "07"),
    "rec": ("vae.py", "rec = -log_p.sum() / log_p.size", "07"),
    "kl": ("vae.py", "kl_k = gaussian.kl(mu, logvar)", "04"),
    "nelbo": ("vae.py", "nelbo = rec + beta * ", "08"),
    "log_p": ("vae.py", "p(x) = ∫ p(x|z) p(z) dz", "12"),
}
# Which line of each kind of model computes a box; the chapter is the number of its file.
LINES = {
    "VAE": VAE_LINES,
    "IWAE": VAE_LINES,
    "Autoencoder": {
        "h": ("autoencoder.py", "self.code_head.forward(self.encoder.forward(x))", "06"),
        "z": ("autoencoder.py", "self.code_head.forward(self.encoder.forward(x))", "10"),
        "y": ("autoencoder.py", "y = self.decoder_output(z)", "06"),
        "mean": ("encoder_decoder.py", "return self.likelihood.mean(", "07"),
        "rec": ("autoencoder.py", "rec = -self.likelihood.log_prob", "07"),
    },
}


def sources(kinds):
    """The text of the heart's files, and where in them each box is computed.

    Parameters
    ----------
    kinds : iterable of str
        Names of model classes, such as "VAE".

    Returns
    -------
    dict
        "files": text by name; "lines": {kind: {box: [file, line, title, path]}}, the last
        two those of the chapter, None where the course is not installed.
    """
    folder = Path(__file__).parent.parent
    files, lines, chapters = {}, {}, _chapters()
    for kind in dict.fromkeys(kinds):
        lines[kind] = {}
        for box, (name, needle, chapter) in LINES[kind].items():
            if name not in files:
                files[name] = (folder / name).read_text(encoding="utf-8")
            line = _line(name, files[name], needle)
            lines[kind][box] = [name, line, *chapters.get(chapter, (None, None))]
    return {"files": files, "lines": lines}


def _line(name, text, needle):
    """The number of the first line of `text` that holds `needle`."""
    for number, line in enumerate(text.splitlines(), 1):
        if needle in line:
            return number
    raise LookupError(f"{name}: expected a line with {needle!r}, got none")


def _chapters():
    """(title, path) of the course's chapters by number; empty without the course."""
    try:
        paths = course_folder().glob("[0-9][0-9]_*.py")
    except FileNotFoundError:
        return {}
    titles = {}
    for path in paths:
        heading = path.read_text(encoding="utf-8").split("# # ", 1)[-1].splitlines()[0]
        titles[path.name[:2]] = heading, f"tutorials/{path.name}"
    return titles
