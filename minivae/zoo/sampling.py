"""Bugs that live where something is drawn, reported or updated."""

from minivae.zoo.mutation import read_bugs

SAMPLING = read_bugs(
    """\
variance-for-deviation 2
The noise is multiplied by σ² instead of σ, and the gradient agrees, so finite
differences pass; the KL, however, speaks of another Gaussian.
found in: ddbourgin/numpy-ml, numpy_ml/neural_nets/models/vae.py
found in: keras-team/keras #3283, PRs #9970, #9972
vae:VAE._forward
- gaussian.reparameterize(mu, logvar, eps)
+ mu + np.exp(logvar) * eps
vae:VAE.backward
- gaussian.reparameterize_grad(dz, logvar, eps)
+ (
+         dz.reshape(-1, *mu.shape).sum(axis=0),
+         (dz * eps * np.exp(logvar)).reshape(-1, *mu.shape).sum(axis=0),
+     )
iwae:IWAE.backward
- gaussian.reparameterize_grad(dz, logvar, eps)
+ (
+         dz.sum(axis=0),
+         (dz * eps * np.exp(logvar)).sum(axis=0),
+     )

whispered-noise 9
The noise scaled by 0.01: nearly an autoencoder, and a bound of 60 nats where
90 to 100 is right.
found in: keras-team/keras PR #4211
gaussian:reparameterize
- np.exp(0.5 * logvar) * eps
+ 0.01 * np.exp(0.5 * logvar) * eps
gaussian:reparameterize_grad
- (0.5 * np.exp(0.5 * logvar))
+ (0.01 * 0.5 * np.exp(0.5 * logvar))

logits-shown-as-pixels 15
After the move to logits the sigmoid was forgotten where pictures are made.
found in: FluxML/model-zoo PR #289
likelihoods:Binomial.mean
- self.n * sigmoid(y)
+ self.n * y

softplus-as-probability 17
Pixels drawn with softplus(logit) as their probability: the pictures are not
drawn from the model that was trained.
found in: JAX, examples/mnist_vae.py
likelihoods:Binomial._sample
- (self.n, sigmoid(y))
+ (self.n, np.minimum(np.log1p(np.exp(y)), 1))

laplace-of-the-wrong-width 17b
Samples of the Laplace drawn with half its scale: densities and draws are of
two different distributions.
likelihoods:Laplace._sample
- self.b
+ self.b / 2

adam-eps-inside-the-root 23
Adam's eps added under the root instead of beside it: with small gradients the
steps are far too short.
found in: CyberZHG/keras-radam #29
optim:Adam.step
- np.sqrt(v, out=tmp)
+ np.sqrt(v + self.eps, out=tmp)

adam-correction-never-decays 23b
The bias correction 1 - β₁ᵗ not raised to the power t: the first steps are
right, and all later ones too long.
found in: eriklindernoren/ML-From-Scratch #35
optim:Adam.step
- (1 - self.beta1**self.t)
+ (1 - self.beta1)

free-for-everybody 30b
Free bits taken off the reported KL as well as off the objective: the bound
looks tighter than it is.
vae:VAE.loss
- float(kl_k.sum())
+ float(np.maximum(kl_k - free_bits, 0).sum())

annealed-report 30
The annealing weight left in the reported ELBO: the curve looks best while the
KL hardly counts.
found in: the right practice: jxhe/vae-lagging-encoder #9
training.fitting:_Run.epoch
- _nelbo"] = rec + kl
+ _nelbo"] = objective

noise-of-the-first-day 37
The noise is drawn once and used at every step: the model learns to decode
one particular draw.
found in: tensorflow/tensorflow #36715
training.fitting:_Run._train
- draw_noise(model, len(x), rng,
+ draw_noise(model, len(x), np.random.default_rng(0),

baseline-that-saw-the-sample 28
The control variate's coefficient is estimated from all samples, its own among
them: less variance, and a gradient that is wrong on average.
inference.classical.bbvi:score_terms
- (f * square).sum(axis=0) - f * square
+ (f * square).sum(axis=0) + 0 * f
inference.classical.bbvi:score_terms
- square.sum(axis=0) - square
+ square.sum(axis=0) + 0 * square
"""
)
