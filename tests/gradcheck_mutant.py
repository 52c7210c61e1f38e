"""Our VAE with one mistake at a time, for the tests of the checker."""

import numpy as np

from minivae import VAE

B, D, K, S = 6, 5, 3, 7  # all different, and none of them 2 or 4


class Mutant(VAE):
    """A VAE whose backward is written out, with a place for each mistake.

    `mistake` names it. The loss is that of the VAE unless `loss` says otherwise.
    """

    mistake = ""

    def backward(self):
        m = self.mistake
        mu, logvar, eps, shape, beta = self._kept
        B = len(mu)
        sigma = np.exp(logvar / 2)
        dy = self.likelihood.backward(np.full(shape, -1 / np.prod(shape)))
        if m == "likelihood twice":
            dy = 2 * dy
        if m == "mean over D":
            dy = dy / D
        dz = self.decoder.backward(dy)
        dmu, dlogvar = dz, dz * eps * sigma / 2
        dmu_kl, dlogvar_kl = beta * mu / B, beta * (sigma**2 - 1) / 2 / B
        if m == "another draw":
            dlogvar = dz * np.random.default_rng(1).standard_normal(eps.shape) * sigma / 2
        if m == "shuffled noise":
            dlogvar = dz * eps[::-1] * sigma / 2
        if m == "fresh draw each time":
            dlogvar = dz * self.rng.standard_normal(eps.shape) * sigma / 2
        if m == "half of dsigma":
            dlogvar = dz * eps * sigma
        if m == "sigma squared":
            dlogvar = dz * eps * sigma**2 / 2
        if m == "easyvae":
            dlogvar, dlogvar_kl = 4 * dlogvar, sigma * dlogvar_kl
        if m == "no eps":
            dlogvar = dz * sigma / 2
        if m in ("sigma in the KL", "both terms"):
            dlogvar_kl = beta * (sigma - 1) / 2 / B
        if m in ("tangled", "both terms"):
            dlogvar = dlogvar * (1 + np.cos(dz))
        if m == "tangled mu":
            dmu = dmu * (1 + np.cos(logvar))
        if m == "half of the KL":
            dmu_kl, dlogvar_kl = dmu_kl * 2, dlogvar_kl * 2
        if m == "sign of the KL":
            dmu_kl, dlogvar_kl = -dmu_kl, -dlogvar_kl
        if m == "no KL":
            dmu_kl, dlogvar_kl = 0, 0
        if m == "KL mean over K":
            dmu_kl, dlogvar_kl = dmu_kl / K, dlogvar_kl / K
        if m == "KL summed over B":
            dmu_kl, dlogvar_kl = dmu_kl * B, dlogvar_kl * B
        if m == "KL minus":
            dlogvar_kl = beta * (sigma**2 + 1) / 2 / B
        if m == "cut graph":
            dmu, dlogvar = 0 * dmu, 0 * dlogvar
        dmu, dlogvar = dmu + dmu_kl, dlogvar + dlogvar_kl
        if m == "heads exchanged":
            dmu, dlogvar = dlogvar, dmu
        if m == "stop at logvar":
            dlogvar = 0 * dlogvar
        dh = self.mu_head.backward(dmu)
        dh_logvar = self.logvar_head.backward(dlogvar)
        if m != "one head":
            dh = dh + dh_logvar
        self.encoder.backward(dh, need_dx=False)
        if m == "batch mean in one W":
            self.grads["decoder.2.W"] *= B
        if m == "bias averaged":
            self.grads["encoder.0.b"] /= B
        if m == "one entry":
            self.grads["decoder.0.W"][1, 2] += 1e-3
        if m == "negative":
            self.grad *= -1
        if m == "not a number":
            self.grads["mu_head.W"][1, 1] = np.nan


def problem(cls, mistake="", activation="tanh", likelihood=None, seed=0):
    """A small model off its initial values, with data and noise."""
    rng = np.random.default_rng(seed)
    model = cls.mlp(
        D,
        K,
        hidden=(4,),
        activation=activation,
        likelihood=likelihood,
        rng=rng,
        dtype=float,
    )
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    model.mistake, model.rng = mistake, rng
    x = (rng.random((B, D)) < 0.5).astype(float)
    return model, x, rng.standard_normal((B, K))
