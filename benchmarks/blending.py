"""Blends of two drawn faces against the true face between them, and what z knows.

    python benchmarks/blending.py RESULTS [--seeds 0 1 2 3 4] [--epochs 4 15 30]

Trains a VAE with β = 1 and one with β = 4, and an autoencoder, on the drawn faces
(1024-128-16, Gaussian with a learned c, Adam at 3e-3) from each seed, and measures each
after so many epochs on the test faces. RESULTS is a folder for blending.csv, a row for
each measurement, which grows as the runs go on.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from minivae import VAE, Adam, Autoencoder, Gaussian
from minivae.datasets.faces import FACTORS, draw_faces, load_faces
from minivae.training import fit

MODELS = {
    "VAE, beta = 1": (VAE, 1.0),
    "VAE, beta = 4": (VAE, 4.0),
    "AE": (Autoencoder, 1.0),
}
K, HIDDEN = 16, (128,)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="folder for blending.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, nargs="+", default=[4, 15, 30])
    parser.add_argument("--small", action="store_true", help="few small faces, for a test")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / "blending.csv"
    faces = load_faces(200, 100, 16) if args.small else load_faces()
    for seed in args.seeds:
        for name in MODELS:
            model, rng = build(name, faces, seed)
            optimizer, history = Adam(3e-3), None
            for epochs in args.epochs:
                history = train(model, faces, optimizer, epochs, rng, name, history)
                row = {"model": name, "seed": seed, "epochs": epochs}
                row |= {"test_nelbo": history["test_nelbo"][-1]} | measure(model, faces)
                append(path, row)
                print(name, seed, epochs, row["z"], row["drawings"], flush=True)


def build(name, faces, seed):
    """A fresh model, and the generator that goes on to train it."""
    rng = np.random.default_rng(seed)
    likelihood = Gaussian(float(faces.train[:1000].var()), learned=True)
    cls, _ = MODELS[name]
    return cls.mlp(faces.train.shape[1], K, HIDDEN, likelihood, rng=rng), rng


def train(model, faces, optimizer, epochs, rng, name, history=None):
    """Train until `epochs` epochs are done in all."""
    settings = {"beta": MODELS[name][1], "progress": False, "history": history}
    return fit(model, faces, optimizer, epochs=epochs, rng=rng, **settings)


def measure(model, faces):
    """All that is measured of a trained model, by name."""
    f, half = faces.test_factors, len(faces.test) // 2
    pairs = slice(0, half), slice(half, 2 * half)
    size = faces.shape[0]
    row = {"c": model.likelihood.c}
    own = rmse(model.reconstruct(faces.test), draw_faces(f, size))
    row |= mean_and_error("reconstruction", own)
    errors = blends(model, faces, pairs)
    far = np.abs(f[pairs[0], 0] - f[pairs[1], 0]) > 1  # heads turned differently
    for what, error in errors.items():
        row |= mean_and_error(what, error)
        row |= mean_and_error(f"{what}, far", error[far])
    for peer in ("pixels", "drawings"):
        row |= mean_and_error(f"z - {peer}", errors["z"] - errors[peer])
        row |= mean_and_error(f"z - {peer}, far", (errors["z"] - errors[peer])[far])
    z, z_test = model.latent(faces.train), model.latent(faces.test)
    row["active"] = int((z_test.var(axis=0) > 0.01).sum())
    for name, value in zip(
        FACTORS, r_squared(z, faces.train_factors, z_test, f), strict=True
    ):
        row[f"R2 {name}"] = value
    smile = FACTORS.index("smile")
    for recipe, d in directions(z, faces.train_factors, smile).items():
        moved = slopes(model, d, size)
        for name, column in zip(FACTORS, moved.T, strict=True):
            row |= mean_and_error(f"{recipe}: {name}", column)
    return row


def blends(model, faces, pairs):
    """RMSE of each pair's blend, half and half, from the face with the mean factors.

    Of the images as they are, with their noise; of the drawings without noise, which no
    model gets to see; and in z.
    """
    size = faces.shape[0]
    (a, b), (f_a, f_b) = (
        [part[p] for p in pairs] for part in (faces.test, faces.test_factors)
    )
    truth = draw_faces((f_a + f_b) / 2, size)
    made = {
        "pixels": (a + b) / 2,
        "drawings": (draw_faces(f_a, size) + draw_faces(f_b, size)) / 2,
        "z": model.decode((model.latent(a) + model.latent(b)) / 2),
    }
    return {name: rmse(image, truth) for name, image in made.items()}


def rmse(x, y):
    """Root mean square over the pixels, for each image."""
    return np.sqrt(np.mean((x - y) ** 2, axis=1))


def mean_and_error(name, values):
    values = np.asarray(values, float)
    return {name: values.mean(), f"{name} ±": values.std(ddof=1) / np.sqrt(len(values))}


def with_ones(z):
    return np.column_stack([z, np.ones(len(z))]).astype(float)


def r_squared(z, f, z_test, f_test):
    """How much of each factor's variance one linear fit from z explains, on test faces."""
    weights = np.linalg.lstsq(with_ones(z), f, rcond=None)[0]
    residual = f_test - with_ones(z_test) @ weights
    return 1 - (residual**2).sum(axis=0) / ((f_test - f.mean(axis=0)) ** 2).sum(axis=0)


def directions(z, f, i):
    """Two directions in z along which factor i should grow by 1.

    Between the means of the faces above and below zero (whose mean factors differ by 1),
    and the column of the linear fit of z from all six factors.
    """
    fit_z = np.linalg.lstsq(with_ones(f), z.astype(float), rcond=None)[0]
    means = z[f[:, i] > 0].mean(axis=0) - z[f[:, i] < 0].mean(axis=0)
    return {"means": means, "fit": fit_z[i]}


def slopes(model, direction, size, n=50, step=0.4):
    """How much every factor grows along a direction, for each of n faces, shape (n, 6).

    The faces start in the middle half of all factors; what the decoder makes on either
    side is read by `read_factors`.
    """
    rng = np.random.default_rng(1)
    f = rng.uniform(-0.5, 0.5, (n, len(FACTORS)))
    z = model.latent(draw_faces(f, size))
    ends = [
        read_factors(model.decode((z + sign * step * direction).astype(z.dtype)), f, size)
        for sign in (-1, 1)
    ]
    return (ends[1] - ends[0]) / (2 * step)


def read_factors(images, start, size, rounds=8, h=1e-2):
    """The factors of the nearest drawing, by Gauss-Newton from `start`."""
    f = start.copy()
    for _ in range(rounds):
        residual = images - draw_faces(f, size)
        columns = []
        for i in range(f.shape[1]):
            up, down = f.copy(), f.copy()
            up[:, i] = np.minimum(f[:, i] + h, 1)
            down[:, i] = np.maximum(f[:, i] - h, -1)
            width = (up - down)[:, i, None]
            columns.append((draw_faces(up, size) - draw_faces(down, size)) / width)
        J = np.stack(columns, axis=2).astype(float)  # (n, D, 6)
        JTJ = np.einsum("ndi,ndj->nij", J, J) + 1e-3 * np.eye(f.shape[1])
        JTr = np.einsum("ndi,nd->ni", J, residual)
        f = np.clip(f + np.linalg.solve(JTJ, JTr[..., None])[..., 0], -1, 1)
    return f


def append(path, row):
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
        )


if __name__ == "__main__":
    main()
