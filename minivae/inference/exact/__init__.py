"""Models whose log p(x) and posterior are known exactly, to check everything else against.

- `mixture`: a Gaussian mixture, fitted by EM (a discrete z: the sum can be done)
- `linear_gaussian`: x = W z + b + noise (a linear decoder: the integral can be done)
- `quadrature`: any VAE with one or two latent dimensions (the integral on a grid)
"""
