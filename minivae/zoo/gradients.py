"""Bugs that live in the backward pass: the loss is right and its gradient is not."""

from minivae.zoo.mutation import read_bugs

GRADIENTS = read_bugs(
    """\
fresh-noise-in-backward 1
The forward pass drew the noise twice, and backward used the draw that z was
not made of: the log-variance path is wrong, everything else right.
found in: kwj2104/Simple-Variational-Autoencoder, vae.py
vae:VAE.backward
- gaussian.reparameterize_grad(dz, logvar, eps)
+ gaussian.reparameterize_grad(
+         dz, logvar,
+         np.random.default_rng(1).standard_normal(eps.shape, self.dtype),
+     )

three-wrong-factors 3
A ½ in the sampler that backward lacks, the ½ of dσ/dlogvar forgotten, and a
KL gradient multiplied by σ: three mistakes that do not cancel.
found in: easyvae 1.3.3, layers.py
gaussian:reparameterize
- * eps
+ * 0.5 * eps
gaussian:reparameterize_grad
- (0.5 * np.exp(
+ (np.exp(
gaussian:kl_grad
- 0.5 * (np.exp(logvar) - 1)
+ 0.5 * (np.exp(logvar) - 1) * np.exp(0.5 * logvar)

missing-half-of-sigma 3b
The derivative of σ = exp(logvar / 2) written as σ, without its ½: the
reconstruction reaches logvar twice as strongly as it should.
found in: easyvae 1.3.3, layers.py
gaussian:reparameterize_grad
- (0.5 * np.exp(
+ (np.exp(

halved-gaussian-gradient 8
A constant factor slipped into the gradient of the Gaussian log-likelihood;
found in public by a gradient check.
found in: y0ast/VAE-Torch #4, PR #5, #13
likelihoods:Gaussian.backward
- (dlogp / self.c)
+ (dlogp / (2 * self.c))

batch-mean-forgotten 19
The KL's gradient is that of a sum over the batch while its value is a mean:
the regulariser pulls B times too hard.
vae:VAE.backward
- dmu = dmu + weight / B *
+ dmu = dmu + weight *

weight-gradient-times-batch 19b
The mean over the batch is taken out of the biases' gradient and forgotten in
the weights': one of the two is B times too large.
layers:Linear.backward
- np.matmul(x.T, dy, out=self.dW)
+ np.matmul(len(x) * x.T, dy, out=self.dW)

transposed-weight-gradient 20
dyᵀ x in the place of xᵀ dy: nobody notices while the layers are square, and
a reshape makes it run on the others too.
layers:Linear.backward
- np.matmul(x.T, dy, out=self.dW)
+ self.dW[...] = (dy.T @ x).reshape(self.dW.shape)

bias-of-one-image 21
The bias gradient does not sum over the batch; with a batch of one it is
right, so the first test that was written passed.
found in: rasbt/stat453-deep-learning-ss21 #5
found in: mlpack/mlpack PR #3679
layers:Linear.backward
- dy.sum(axis=0, out=self.db)
+ self.db[...] = dy[0]

derivative-of-the-input 22
tanh' written in terms of the output, 1 - y², but called with the input: the
two forms of an activation's derivative are easily swapped.
found in: davidrmiller/neural2d #40
layers:Tanh.forward
- self.keep(y, y)
+ self.keep(y, x)

stale-gradients 24
Backward adds to what an earlier backward left: right the first time, and
wrong ever after.
found in: karpathy/micrograd PR #102, #53
layers:Linear.backward
- np.matmul(x.T, dy, out=self.dW)
+ self.dW[...] += x.T @ dy

columns-in-reverse 27
A weight gradient with its columns in the wrong order. A check whose upstream
gradient is all ones cannot see it: every column is then the same.
found in: numpy-ml, test_nn.py
found in: dlsyscourse/hw1, tests
layers:Linear.backward
- np.matmul(x.T, dy, out=self.dW)
+ np.matmul(x.T, dy[:, ::-1], out=self.dW)

graph-cut-at-the-sample 32
The sample is treated as a constant, so no gradient of the reconstruction
reaches the encoder; only the KL trains it, and it collapses.
found in: pyro-ppl/pyro #1852, PR #1896
vae:VAE.backward
- gaussian.reparameterize_grad(dz, logvar, eps)
+ gaussian.reparameterize_grad(0 * dz, logvar, eps)

differentiated-weights 33
The normalised importance weights are differentiated along with log w, though
in the gradient of the bound they are constants.
found in: AntixK/PyTorch-VAE #34, PR #53
iwae:IWAE.backward
- dlog_w = -weight / B
+ dlog_w = -weight * (1 + log_w - (weight * log_w).sum(axis=0)) / B

worst-sample-weighs-most 16
Importance weights by a softmax of the loss instead of the log-weight: the
sample that explains the image worst leads the training.
found in: AntixK/PyTorch-VAE, models/iwae.py
iwae:IWAE.backward
- np.exp(log_w - log_w.max(axis=0))
+ np.exp(log_w.min(axis=0) - log_w)

binomial-forgets-n 8b
The gradient of Bernoulli pixels, x - p, left as it was when the pixels became
counts up to n.
likelihoods:Binomial.backward
- p *= self.n
+ p *= 1

relu-lets-all-through 22b
The mask of the ReLU forgotten on the way back: negative inputs learn from
gradients that never belonged to them.
layers:ReLU.backward
- dy * self.kept(dy)
+ dy * 1.0

learned-scale-without-d 8c
The gradient of a learned variance forgets the normaliser's D/2: the noise can
only grow.
likelihoods:Gaussian.backward
- squares / (2 * self.c) - D / 2
+ squares / (2 * self.c)
"""
)
