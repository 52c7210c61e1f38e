"""Bugs that live in the objective: value and gradient agree, and both are wrong.

Finite differences pass all of these. It takes a rung that knows what the number ought to
be: a Monte-Carlo KL, a density that integrates to one, or the exact log p(x).
"""

from minivae.zoo.mutation import Bug, Edit


def _kl(value, dlogvar, dmu="mu"):
    """The KL and its gradient, changed together."""
    return (
        Edit(
            "gaussian:kl",
            "0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)",
            value,
        ),
        Edit(
            "gaussian:kl_grad",
            "return mu, 0.5 * (np.exp(logvar) - 1)",
            f"return {dmu}, {dlogvar}",
        ),
    )


OBJECTIVES = (
    Bug(
        "kl-without-its-half",
        "4",
        "The ½ in front of the KL forgotten, in value and gradient alike: a VAE with\n"
        "β = 2 that believes it has β = 1.",
        (
            "SupaeroDataScience/deep-learning PR #6",
            "google-deepmind/torch-distributions PR #34",
        ),
        _kl("mu * mu + np.exp(logvar) - 1 - logvar", "np.exp(logvar) - 1", "2 * mu"),
    ),
    Bug(
        "pixels-averaged",
        "5",
        "The reconstruction is a mean over pixels, the KL a sum over dimensions: an\n"
        "implied β of D, blurred pictures and a collapsed posterior.",
        ("keras-team/keras PR #3383", "y0ast/VAE-Torch #11", "zdebruine/MMVAE PR #19"),
        (
            Edit("vae:VAE.loss", "/ log_p.size", "/ log_p.size / self.D"),
            Edit("vae:VAE.backward", "-1 / SB", "-1 / SB / self.D"),
        ),
    ),
    Bug(
        "reconstruction-summed-over-batch",
        "5b",
        "The reconstruction summed over the batch, the KL averaged: an implied β of\n"
        "1/B that changes with the batch size.",
        ("SeldonIO/alibi-detect #90",),
        (
            Edit("vae:VAE.loss", "/ log_p.size", "/ log_p.size * B"),
            Edit("vae:VAE.backward", "-1 / SB", "-B / SB"),
        ),
    ),
    Bug(
        "kl-averaged-over-dimensions",
        "6",
        "The KL averaged over the latent dimensions where the sum belongs: an implied β\n"
        "of 1/K.",
        (
            "podgorskiy/VAE #1",
            "maxhodak/keras-molecules #59",
            "keras-team/keras #4538",
            "mkusner/grammarVAE #2",
        ),
        (
            Edit(
                "vae:VAE.loss",
                "gaussian.kl(mu, logvar).sum(axis=0)",
                "gaussian.kl(mu, logvar).sum(axis=0) / self.K",
            ),
            Edit(
                "vae:VAE.backward",
                "dmu = dmu + weight / B",
                "dmu = dmu + weight / self.K / B",
            ),
            Edit(
                "vae:VAE.backward",
                "dlogvar = dlogvar + weight / B",
                "dlogvar = dlogvar + weight / self.K / B",
            ),
        ),
    ),
    Bug(
        "sign-of-log-sigma",
        "7",
        "The log σ² of the KL with the wrong sign: nothing holds the variances up, and\n"
        "they fall to zero.",
        ("FluxML/model-zoo PR #147", "dev4488/VAE_gumble_softmax #1"),
        _kl("0.5 * (mu * mu + np.exp(logvar) - 1 + logvar)", "0.5 * (np.exp(logvar) + 1)"),
    ),
    Bug(
        "log-squared",
        "35",
        "(log σ)² where 2 log σ belongs: a slip between the notations of two papers.",
        ("FluxML/model-zoo #73, PR #76",),
        _kl(
            "0.5 * (mu * mu + np.exp(logvar) - 1 - (0.5 * logvar) ** 2)",
            "0.5 * (np.exp(logvar) - 0.5 * logvar)",
        ),
    ),
    Bug(
        "variance-taken-for-deviation",
        "36",
        "The KL takes the encoder's output for log σ where the sampler takes it for\n"
        "log σ²: the prior it pulls towards is not the one we sample from.",
        ("KarenUllrich/Tutorial_BayesianCompressionForDL #1", "pytorch_geometric PR #1368"),
        _kl(
            "0.5 * (mu * mu + np.exp(2 * logvar) - 1 - 2 * logvar)",
            "np.exp(2 * logvar) - 1",
        ),
    ),
    Bug(
        "two-pi-too-many",
        "38",
        "A log 2π too many in the KL and the log σ missing; found in public by Monte\n"
        "Carlo and by finite differences, both.",
        ("pluskid/Mocha.jl #117",),
        _kl("0.5 * (mu * mu + np.exp(logvar) - 1 + LOG_2PI)", "0.5 * np.exp(logvar)"),
    ),
    Bug(
        "tanh-on-the-mu-head",
        "10",
        "An activation on the head of mu: no code can leave the box, however far from\n"
        "the origin the posterior lies.",
        ("pkmital/CADL #84",),
        (
            Edit(
                "vae:VAE._encode",
                "return self.mu_head.forward(h)",
                "return np.tanh(self.mu_head.forward(h))",
            ),
            Edit(
                "vae:VAE.backward",
                "self.mu_head.backward(dmu)",
                "self.mu_head.backward(dmu * (1 - mu * mu))",
            ),
        ),
    ),
    Bug(
        "softplus-on-the-logvar-head",
        "10b",
        "A softplus on the head of logvar: log σ² cannot be negative, so no posterior\n"
        "is ever narrower than the prior.",
        ("SeldonIO/alibi-detect, in the code of #90",),
        (
            Edit(
                "vae:VAE._encode",
                "self.logvar_head.forward(h)",
                "np.log1p(np.exp(self.logvar_head.forward(h)))",
            ),
            Edit(
                "vae:VAE.backward",
                "self.logvar_head.backward(dlogvar)",
                "self.logvar_head.backward(dlogvar * (1 - np.exp(-logvar)))",
            ),
        ),
    ),
    Bug(
        "one-head-for-both",
        "34",
        "logvar is computed by the layer that belongs to mu: the two can never differ.",
        ("OpenTalker/SadTalker #969",),
        (
            Edit(
                "vae:VAE._encode",
                "self.logvar_head.forward(h)",
                "self.mu_head.forward(h)",
            ),
            Edit(
                "vae:VAE.backward",
                "self.mu_head.backward(dmu) + self.logvar_head.backward(dlogvar)",
                "self.mu_head.backward(dmu + dlogvar)",
            ),
        ),
    ),
    Bug(
        "logarithm-of-a-sigmoid",
        "11",
        "The sigmoid first, then its logarithm: a confident pixel rounds to one, and\n"
        "the loss is infinite.",
        ("hwalsuklee/tensorflow-mnist-VAE #4",),
        (
            Edit(
                "likelihoods:Binomial._log_prob",
                "log_1p_exp = np.maximum(y, 0) + np.log(u)",
                "log_1p_exp = -np.log(1 - sigmoid(y))",
            ),
        ),
    ),
    Bug(
        "silent-overflow",
        "12",
        "exp(logvar) overflows, nobody looks, and the weights are NaN from then on.",
        ("vanderschaarlab/synthcity #331", "pyg-team/pytorch_geometric #500"),
        (
            Edit(
                "encoder_decoder:EncoderDecoder._refuse_non_finite",
                "if np.isfinite(result).all():",
                "if True:",
            ),
        ),
    ),
    Bug(
        "grey-pixels-as-bernoulli",
        "13",
        "Cross-entropy on grey pixels reported as a log-likelihood: its probabilities\n"
        "do not add up to one, and its nats compare with nobody's.",
        ("pytorch/examples #460, PR #683", "pyro-ppl/pyro #529"),
        (
            Edit(
                "likelihoods:Binomial.check",
                "if self.grey:",
                "if self.grey or self.n == 1:",
            ),
        ),
    ),
    Bug(
        "gaussian-without-two-pi",
        "14",
        "The Gaussian's normalising constant dropped: harmless to the gradient, fatal\n"
        "to every comparison of log-likelihoods.",
        ("Qinyu-Allen-Zhao/Arinar #1",),
        (Edit("likelihoods:Gaussian._log_prob", "(LOG_2PI + self.log_c)", "self.log_c"),),
    ),
    Bug(
        "binomial-without-coefficient",
        "14b",
        "log C(n, x) left out of the binomial: the counts' probabilities no longer sum\n"
        "to one.",
        (),
        (Edit("likelihoods:Binomial._log_prob", "if self.n > 1:", "if False:"),),
    ),
    Bug(
        "average-of-the-logarithms",
        "29",
        "Importance weights averaged after the logarithm instead of before: an\n"
        "'importance-weighted' bound that is the ELBO, however many samples it takes.",
        ("suspected in arahuja/generative-tf #1",),
        (
            Edit("iwae:IWAE.loss", "log_mean_exp(log_w, axis=0)", "log_w.mean(axis=0)"),
            Edit(
                "iwae:IWAE.backward",
                "np.exp(log_w - log_w.max(axis=0))",
                "np.ones_like(log_w)",
            ),
        ),
    ),
    Bug(
        "prior-of-the-wrong-width",
        "31",
        "The prior's log-variance given as 1 where 0 was meant: p(z) is wider than the\n"
        "KL believes.",
        ("HIPS/autograd PR #266",),
        (
            Edit(
                "vae:VAE._log_weights",
                "gaussian.log_normal(z, 0.0, 0.0)",
                "gaussian.log_normal(z, 0.0, 1.0)",
            ),
            Edit(
                "vae:VAE.log_joint",
                "gaussian.log_normal(z, 0.0, 0.0)",
                "gaussian.log_normal(z, 0.0, 1.0)",
            ),
        ),
    ),
    Bug(
        "elbo-of-the-wrong-sign",
        "18",
        "A function named ELBO that returns the loss: whoever compares it with\n"
        "log p(x) finds the bound on the wrong side.",
        (
            "JAX, examples/mnist_vae.py",
            "HIPS/autograd, examples/variational_autoencoder.py",
        ),
        (
            Edit(
                "vae:VAE.elbo",
                "result = log_p - gaussian.kl(mu, logvar).sum(axis=-1)",
                "result = gaussian.kl(mu, logvar).sum(axis=-1) - log_p",
            ),
        ),
    ),
)
