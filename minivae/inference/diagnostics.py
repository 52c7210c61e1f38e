"""Active units, and the β or the variance that a loss implies without saying so."""

from minivae.errors import check_choice, check_instance, check_number, check_whole
from minivae.vae import VAE


def active_units(model, x, threshold=0.01):
    """Which latent dimensions the encoder uses: Var over the data of mu_k(x) > threshold.

    Parameters
    ----------
    model : VAE
    x : ndarray, shape (N, D)
        Data, as `model.encode` takes it; at least two images.
    threshold : float
        0.01 in the literature.

    Returns
    -------
    active : ndarray of bool, shape (K,)
        `active.sum()` is the published number.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    check_instance("model", model, VAE)
    check_number("threshold", threshold, minimum=0)
    mu, _ = model.encode(x)
    if len(mu) < 2:
        raise ValueError(f"x: expected at least two images, got {len(mu)}")
    return mu.var(axis=0) > threshold


def implied_beta(rec="sum", kl="sum", *, D, K):
    """The β that a mean in place of a sum means.

    A loss rec/a + kl/b is 1/a times rec + (a/b) kl, so it trains a model with β = a/b:
    a is D if the reconstruction is averaged over pixels, b is K if the KL is averaged
    over latent dimensions, and either is 1 for a sum.

    Parameters
    ----------
    rec, kl : {"sum", "mean"}
        How each term is reduced over its dimensions.
    D, K : int
        Pixels and latent dimensions.

    Returns
    -------
    float
        1.0 is the ELBO.
    """
    check_choice("rec", rec, ("sum", "mean"))
    check_choice("kl", kl, ("sum", "mean"))
    check_whole("D", D, minimum=1)
    check_whole("K", K, minimum=1)
    return (D if rec == "mean" else 1) / (K if kl == "mean" else 1)


def implied_c(weight=1.0):
    """The Gaussian's variance that weight · ‖x - y‖² + KL means: c = 1 / (2 weight).

    From -log p(x|z) = ‖x - y‖² / (2c) + constant. The plain sum of squares has c = 1/2.
    """
    return 1 / (2 * check_number("weight", weight, minimum=0, exclusive=True))
