"""Bugs that live in the backward pass: the loss is right and its gradient is not."""

from minivae.zoo.mutation import Bug, Edit

GRADIENTS = (
    Bug(
        "fresh-noise-in-backward",
        "1",
        "The forward pass drew the noise twice, and backward used the draw that z was\n"
        "not made of: the log-variance path is wrong, everything else right.",
        ("kwj2104/Simple-Variational-Autoencoder, vae.py",),
        (
            Edit(
                "vae:VAE.backward",
                "gaussian.reparameterize_grad(dz, logvar, eps)",
                "gaussian.reparameterize_grad(\n"
                "        dz, logvar,\n"
                "        np.random.default_rng(1).standard_normal(eps.shape, self.dtype),\n"
                "    )",
            ),
        ),
    ),
    Bug(
        "three-wrong-factors",
        "3",
        "A ½ in the sampler that backward lacks, the ½ of dσ/dlogvar forgotten, and a\n"
        "KL gradient multiplied by σ: three mistakes that do not cancel.",
        ("easyvae 1.3.3, layers.py",),
        (
            Edit("gaussian:reparameterize", "* eps", "* 0.5 * eps"),
            Edit("gaussian:reparameterize_grad", "(0.5 * np.exp(", "(np.exp("),
            Edit(
                "gaussian:kl_grad",
                "0.5 * (np.exp(logvar) - 1)",
                "0.5 * (np.exp(logvar) - 1) * np.exp(0.5 * logvar)",
            ),
        ),
    ),
    Bug(
        "missing-half-of-sigma",
        "3b",
        "The derivative of σ = exp(logvar / 2) written as σ, without its ½: the\n"
        "reconstruction reaches logvar twice as strongly as it should.",
        ("easyvae 1.3.3, layers.py",),
        (Edit("gaussian:reparameterize_grad", "(0.5 * np.exp(", "(np.exp("),),
    ),
    Bug(
        "halved-gaussian-gradient",
        "8",
        "A constant factor slipped into the gradient of the Gaussian log-likelihood;\n"
        "found in public by a gradient check.",
        ("y0ast/VAE-Torch #4, PR #5, #13",),
        (
            Edit(
                "likelihoods:Gaussian.backward",
                "(dlogp / self.c)",
                "(dlogp / (2 * self.c))",
            ),
        ),
    ),
    Bug(
        "batch-mean-forgotten",
        "19",
        "The KL's gradient is that of a sum over the batch while its value is a mean:\n"
        "the regulariser pulls B times too hard.",
        (),
        (Edit("vae:VAE.backward", "dmu = dmu + weight / B *", "dmu = dmu + weight *"),),
    ),
    Bug(
        "weight-gradient-times-batch",
        "19b",
        "The mean over the batch is taken out of the biases' gradient and forgotten in\n"
        "the weights': one of the two is B times too large.",
        (),
        (
            Edit(
                "layers:Linear.backward",
                "np.matmul(x.T, dy, out=self.dW)",
                "np.matmul(len(x) * x.T, dy, out=self.dW)",
            ),
        ),
    ),
    Bug(
        "transposed-weight-gradient",
        "20",
        "dyᵀ x in the place of xᵀ dy: nobody notices while the layers are square, and\n"
        "a reshape makes it run on the others too.",
        (),
        (
            Edit(
                "layers:Linear.backward",
                "np.matmul(x.T, dy, out=self.dW)",
                "self.dW[...] = (dy.T @ x).reshape(self.dW.shape)",
            ),
        ),
    ),
    Bug(
        "bias-of-one-image",
        "21",
        "The bias gradient does not sum over the batch; with a batch of one it is\n"
        "right, so the first test that was written passed.",
        ("rasbt/stat453-deep-learning-ss21 #5", "mlpack/mlpack PR #3679"),
        (
            Edit(
                "layers:Linear.backward",
                "dy.sum(axis=0, out=self.db)",
                "self.db[...] = dy[0]",
            ),
        ),
    ),
    Bug(
        "derivative-of-the-input",
        "22",
        "tanh' written in terms of the output, 1 - y², but called with the input: the\n"
        "two forms of an activation's derivative are easily swapped.",
        ("davidrmiller/neural2d #40",),
        (Edit("layers:Tanh.forward", "self.keep(y)", "self.keep(x)"),),
    ),
    Bug(
        "stale-gradients",
        "24",
        "Backward adds to what an earlier backward left: right the first time, and\n"
        "wrong ever after.",
        ("karpathy/micrograd PR #102, #53",),
        (
            Edit(
                "layers:Linear.backward",
                "np.matmul(x.T, dy, out=self.dW)",
                "self.dW[...] += x.T @ dy",
            ),
        ),
    ),
    Bug(
        "columns-in-reverse",
        "27",
        "A weight gradient with its columns in the wrong order. A check whose upstream\n"
        "gradient is all ones cannot see it: every column is then the same.",
        ("numpy-ml, test_nn.py", "dlsyscourse/hw1, tests"),
        (
            Edit(
                "layers:Linear.backward",
                "np.matmul(x.T, dy, out=self.dW)",
                "np.matmul(x.T, dy[:, ::-1], out=self.dW)",
            ),
        ),
    ),
    Bug(
        "graph-cut-at-the-sample",
        "32",
        "The sample is treated as a constant, so no gradient of the reconstruction\n"
        "reaches the encoder; only the KL trains it, and it collapses.",
        ("pyro-ppl/pyro #1852, PR #1896",),
        (
            Edit(
                "vae:VAE.backward",
                "gaussian.reparameterize_grad(dz, logvar, eps)",
                "gaussian.reparameterize_grad(0 * dz, logvar, eps)",
            ),
        ),
    ),
    Bug(
        "differentiated-weights",
        "33",
        "The normalised importance weights are differentiated along with log w, though\n"
        "in the gradient of the bound they are constants.",
        ("AntixK/PyTorch-VAE #34, PR #53",),
        (
            Edit(
                "iwae:IWAE.backward",
                "dlog_w = -weight / B",
                "dlog_w = -weight * (1 + log_w - (weight * log_w).sum(axis=0)) / B",
            ),
        ),
    ),
    Bug(
        "worst-sample-weighs-most",
        "16",
        "Importance weights by a softmax of the loss instead of the log-weight: the\n"
        "sample that explains the image worst leads the training.",
        ("AntixK/PyTorch-VAE, models/iwae.py",),
        (
            Edit(
                "iwae:IWAE.backward",
                "np.exp(log_w - log_w.max(axis=0))",
                "np.exp(log_w.min(axis=0) - log_w)",
            ),
        ),
    ),
    Bug(
        "binomial-forgets-n",
        "8b",
        "The gradient of Bernoulli pixels, x - p, left as it was when the pixels became\n"
        "counts up to n.",
        (),
        (Edit("likelihoods:Binomial.backward", "p *= self.n", "p *= 1"),),
    ),
    Bug(
        "relu-lets-all-through",
        "22b",
        "The mask of the ReLU forgotten on the way back: negative inputs learn from\n"
        "gradients that never belonged to them.",
        (),
        (Edit("layers:ReLU.backward", "dy * self.kept()", "dy * 1.0"),),
    ),
    Bug(
        "learned-scale-without-d",
        "8c",
        "The gradient of a learned variance forgets the normaliser's D/2: the noise can\n"
        "only grow.",
        (),
        (
            Edit(
                "likelihoods:Gaussian.backward",
                "squares / (2 * self.c) - D / 2",
                "squares / (2 * self.c)",
            ),
        ),
    ),
)
