"""Bugs that live in the objective: value and gradient agree, and both are wrong.

Finite differences pass all of these. It takes a rung that knows what the number ought to
be: a Monte-Carlo KL, a density that integrates to one, or the exact log p(x).
"""

from minivae.zoo.mutation import read_bugs

OBJECTIVES = read_bugs(
    """\
kl-without-its-half 4
The ½ in front of the KL forgotten, in value and gradient alike: a VAE with
β = 2 that believes it has β = 1.
found in: SupaeroDataScience/deep-learning PR #6
found in: google-deepmind/torch-distributions PR #34
gaussian:kl
- 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)
+ mu * mu + np.exp(logvar) - 1 - logvar
gaussian:kl_grad
- return mu, 0.5 * (np.exp(logvar) - 1)
+ return 2 * mu, np.exp(logvar) - 1

pixels-averaged 5
The reconstruction is a mean over pixels, the KL a sum over dimensions: an
implied β of D, blurred pictures and a collapsed posterior.
found in: keras-team/keras PR #3383
found in: y0ast/VAE-Torch #11
found in: zdebruine/MMVAE PR #19
vae:VAE.loss
- / log_p.size
+ / log_p.size / self.D
vae:VAE.backward
- -1 / SB
+ -1 / SB / self.D

reconstruction-summed-over-batch 5b
The reconstruction summed over the batch, the KL averaged: an implied β of
1/B that changes with the batch size.
found in: SeldonIO/alibi-detect #90
vae:VAE.loss
- / log_p.size
+ / log_p.size * B
vae:VAE.backward
- -1 / SB
+ -B / SB

kl-averaged-over-dimensions 6
The KL averaged over the latent dimensions where the sum belongs: an implied β
of 1/K.
found in: podgorskiy/VAE #1
found in: maxhodak/keras-molecules #59
found in: keras-team/keras #4538
found in: mkusner/grammarVAE #2
vae:VAE.loss
- gaussian.kl(mu, logvar).sum(axis=0)
+ gaussian.kl(mu, logvar).sum(axis=0) / self.K
vae:VAE.backward
- dmu = dmu + weight / B
+ dmu = dmu + weight / self.K / B
vae:VAE.backward
- dlogvar = dlogvar + weight / B
+ dlogvar = dlogvar + weight / self.K / B

sign-of-log-sigma 7
The log σ² of the KL with the wrong sign: nothing holds the variances up, and
they fall to zero.
found in: FluxML/model-zoo PR #147
found in: dev4488/VAE_gumble_softmax #1
gaussian:kl
- 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)
+ 0.5 * (mu * mu + np.exp(logvar) - 1 + logvar)
gaussian:kl_grad
- return mu, 0.5 * (np.exp(logvar) - 1)
+ return mu, 0.5 * (np.exp(logvar) + 1)

log-squared 35
(log σ)² where 2 log σ belongs: a slip between the notations of two papers.
found in: FluxML/model-zoo #73, PR #76
gaussian:kl
- 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)
+ 0.5 * (mu * mu + np.exp(logvar) - 1 - (0.5 * logvar) ** 2)
gaussian:kl_grad
- return mu, 0.5 * (np.exp(logvar) - 1)
+ return mu, 0.5 * (np.exp(logvar) - 0.5 * logvar)

variance-taken-for-deviation 36
The KL takes the encoder's output for log σ where the sampler takes it for
log σ²: the prior it pulls towards is not the one we sample from.
found in: KarenUllrich/Tutorial_BayesianCompressionForDL #1
found in: pytorch_geometric PR #1368
gaussian:kl
- 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)
+ 0.5 * (mu * mu + np.exp(2 * logvar) - 1 - 2 * logvar)
gaussian:kl_grad
- return mu, 0.5 * (np.exp(logvar) - 1)
+ return mu, np.exp(2 * logvar) - 1

two-pi-too-many 38
A log 2π too many in the KL and the log σ missing; found in public by Monte
Carlo and by finite differences, both.
found in: pluskid/Mocha.jl #117
gaussian:kl
- 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)
+ 0.5 * (mu * mu + np.exp(logvar) - 1 + LOG_2PI)
gaussian:kl_grad
- return mu, 0.5 * (np.exp(logvar) - 1)
+ return mu, 0.5 * np.exp(logvar)

tanh-on-the-mu-head 10
An activation on the head of mu: no code can leave the box, however far from
the origin the posterior lies.
found in: pkmital/CADL #84
vae:VAE._encode
- return self.mu_head.forward(h)
+ return np.tanh(self.mu_head.forward(h))
vae:VAE.backward
- self.mu_head.backward(dmu)
+ self.mu_head.backward(dmu * (1 - mu * mu))

softplus-on-the-logvar-head 10b
A softplus on the head of logvar: log σ² cannot be negative, so no posterior
is ever narrower than the prior.
found in: SeldonIO/alibi-detect, in the code of #90
vae:VAE._encode
- self.logvar_head.forward(h)
+ np.log1p(np.exp(self.logvar_head.forward(h)))
vae:VAE.backward
- self.logvar_head.backward(dlogvar)
+ self.logvar_head.backward(dlogvar * (1 - np.exp(-logvar)))

one-head-for-both 34
logvar is computed by the layer that belongs to mu: the two can never differ.
found in: OpenTalker/SadTalker #969
vae:VAE._encode
- self.logvar_head.forward(h)
+ self.mu_head.forward(h)
vae:VAE.backward
- self.mu_head.backward(dmu) + self.logvar_head.backward(dlogvar)
+ self.mu_head.backward(dmu + dlogvar)

logarithm-of-a-sigmoid 11
The sigmoid first, then its logarithm: a confident pixel rounds to one, and
the loss is infinite.
found in: hwalsuklee/tensorflow-mnist-VAE #4
likelihoods:Binomial._log_prob
- np.maximum(y, log_1p_exp, out=log_1p_exp)
+ log_1p_exp = -np.log(1 - sigmoid(y))

silent-overflow 12
exp(logvar) overflows, nobody looks, and the weights are NaN from then on.
found in: vanderschaarlab/synthcity #331
found in: pyg-team/pytorch_geometric #500
encoder_decoder:EncoderDecoder._refuse_non_finite
- if np.isfinite(result).all():
+ if True:

grey-pixels-as-bernoulli 13
Cross-entropy on grey pixels reported as a log-likelihood: its probabilities
do not add up to one, and its nats compare with nobody's.
found in: pytorch/examples #460, PR #683
found in: pyro-ppl/pyro #529
likelihoods:Binomial.check
- if self.grey:
+ if self.grey or self.n == 1:

gaussian-without-two-pi 14
The Gaussian's normalising constant dropped: harmless to the gradient, fatal
to every comparison of log-likelihoods.
found in: Qinyu-Allen-Zhao/Arinar #1
likelihoods:Gaussian._log_prob
- (LOG_2PI + self.log_c)
+ self.log_c

binomial-without-coefficient 14b
log C(n, x) left out of the binomial: the counts' probabilities no longer sum
to one.
likelihoods:Binomial._log_prob
- log_p += self._log_choose
+ log_p += 0 * self._log_choose

average-of-the-logarithms 29
Importance weights averaged after the logarithm instead of before: an
'importance-weighted' bound that is the ELBO, however many samples it takes.
found in: suspected in arahuja/generative-tf #1
iwae:IWAE.loss
- log_mean_exp(log_w, axis=0)
+ log_w.mean(axis=0)
iwae:IWAE.backward
- np.exp(log_w - log_w.max(axis=0))
+ np.ones_like(log_w)

prior-of-the-wrong-width 31
The prior's log-variance given as 1 where 0 was meant: p(z) is wider than the
KL believes.
found in: HIPS/autograd PR #266
vae:VAE._log_weights
- gaussian.log_normal(z, 0.0, 0.0)
+ gaussian.log_normal(z, 0.0, 1.0)
vae:VAE.log_joint
- gaussian.log_normal(z, 0.0, 0.0)
+ gaussian.log_normal(z, 0.0, 1.0)

elbo-of-the-wrong-sign 18
A function named ELBO that returns the loss: whoever compares it with
log p(x) finds the bound on the wrong side.
found in: JAX, examples/mnist_vae.py
found in: HIPS/autograd, examples/variational_autoencoder.py
vae:VAE.elbo
- result = log_p - gaussian.kl(mu, logvar).sum(axis=-1)
+ result = gaussian.kl(mu, logvar).sum(axis=-1) - log_p
"""
)
