"""Bugs that live where something is drawn, reported or updated."""

from minivae.zoo.mutation import Bug, Edit


def _sampler(wrong, derivative):
    """The reparameterization and its gradient, changed together."""
    return (
        Edit("gaussian:reparameterize", "np.exp(0.5 * logvar) * eps", wrong),
        Edit("gaussian:reparameterize_grad", "(0.5 * np.exp(0.5 * logvar))", derivative),
    )


SAMPLING = (
    Bug(
        "variance-for-deviation",
        "2",
        "The noise is multiplied by σ² instead of σ, and the gradient agrees, so finite\n"
        "differences pass; the KL, however, speaks of another Gaussian.",
        (
            "ddbourgin/numpy-ml, numpy_ml/neural_nets/models/vae.py",
            "keras-team/keras #3283, PRs #9970, #9972",
        ),
        (
            Edit(
                "vae:VAE._forward",
                "gaussian.reparameterize(mu, logvar, eps)",
                "mu + np.exp(logvar) * eps",
            ),
            Edit(
                "vae:VAE.backward",
                "gaussian.reparameterize_grad(dz, logvar, eps)",
                "(\n"
                "        dz.reshape(-1, *mu.shape).sum(axis=0),\n"
                "        (dz * eps * np.exp(logvar)).reshape(-1, *mu.shape).sum(axis=0),\n"
                "    )",
            ),
            Edit(
                "iwae:IWAE.backward",
                "gaussian.reparameterize_grad(dz, logvar, eps)",
                "(\n"
                "        dz.sum(axis=0),\n"
                "        (dz * eps * np.exp(logvar)).sum(axis=0),\n"
                "    )",
            ),
        ),
    ),
    Bug(
        "whispered-noise",
        "9",
        "The noise scaled by 0.01: nearly an autoencoder, and a bound of 60 nats where\n"
        "90 to 100 is right.",
        ("keras-team/keras PR #4211",),
        _sampler(
            "0.01 * np.exp(0.5 * logvar) * eps", "(0.01 * 0.5 * np.exp(0.5 * logvar))"
        ),
    ),
    Bug(
        "logits-shown-as-pixels",
        "15",
        "After the move to logits the sigmoid was forgotten where pictures are made.",
        ("FluxML/model-zoo PR #289",),
        (Edit("likelihoods:Binomial.mean", "self.n * sigmoid(y)", "self.n * y"),),
    ),
    Bug(
        "softplus-as-probability",
        "17",
        "Pixels drawn with softplus(logit) as their probability: the pictures are not\n"
        "drawn from the model that was trained.",
        ("JAX, examples/mnist_vae.py",),
        (
            Edit(
                "likelihoods:Binomial.sample",
                "(self.n, sigmoid(y))",
                "(self.n, np.minimum(np.log1p(np.exp(y)), 1))",
            ),
        ),
    ),
    Bug(
        "laplace-of-the-wrong-width",
        "17b",
        "Samples of the Laplace drawn with half its scale: densities and draws are of\n"
        "two different distributions.",
        (),
        (Edit("likelihoods:Laplace.sample", "self.b", "self.b / 2"),),
    ),
    Bug(
        "adam-eps-inside-the-root",
        "23",
        "Adam's eps added under the root instead of beside it: with small gradients the\n"
        "steps are far too short.",
        ("CyberZHG/keras-radam #29",),
        (
            Edit(
                "optim:Adam.step",
                "np.sqrt(v, out=tmp)",
                "np.sqrt(v + self.eps, out=tmp)",
            ),
        ),
    ),
    Bug(
        "adam-correction-never-decays",
        "23b",
        "The bias correction 1 - β₁ᵗ not raised to the power t: the first steps are\n"
        "right, and all later ones too long.",
        ("eriklindernoren/ML-From-Scratch #35",),
        (Edit("optim:Adam.step", "(1 - self.beta1**self.t)", "(1 - self.beta1)"),),
    ),
    Bug(
        "free-for-everybody",
        "30b",
        "Free bits taken off the reported KL as well as off the objective: the bound\n"
        "looks tighter than it is.",
        (),
        (
            Edit(
                "vae:VAE.loss",
                "float(kl_k.sum())",
                "float(np.maximum(kl_k - free_bits, 0).sum())",
            ),
        ),
    ),
    Bug(
        "annealed-report",
        "30",
        "The annealing weight left in the reported ELBO: the curve looks best while the\n"
        "KL hardly counts.",
        ("the right practice: jxhe/vae-lagging-encoder #9",),
        (
            Edit(
                "training.fitting:_Run.epoch", '("nelbo", rec + kl)', '("nelbo", objective)'
            ),
        ),
    ),
    Bug(
        "noise-of-the-first-day",
        "37",
        "The noise is drawn once and used at every step: the model learns to decode\n"
        "one particular draw.",
        ("tensorflow/tensorflow #36715",),
        (
            Edit(
                "training.fitting:_Run._train",
                "draw_noise(model, len(x), rng,",
                "draw_noise(model, len(x), np.random.default_rng(0),",
            ),
        ),
    ),
    Bug(
        "baseline-that-saw-the-sample",
        "28",
        "The control variate's coefficient is estimated from all samples, its own among\n"
        "them: less variance, and a gradient that is wrong on average.",
        (),
        (
            Edit(
                "inference.classical.bbvi:score_terms",
                "(f * square).sum(axis=0) - f * square",
                "(f * square).sum(axis=0) + 0 * f",
            ),
            Edit(
                "inference.classical.bbvi:score_terms",
                "square.sum(axis=0) - square",
                "square.sum(axis=0) + 0 * square",
            ),
        ),
    ),
)
