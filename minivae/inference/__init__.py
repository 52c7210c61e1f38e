"""How good is q(z|x), and how large is log p(x)?

- `bounds`, `annealed`: estimates of log p(x) by plain and by annealed importance sampling
- `diagnostics`: active units, and what a trained model implies
- `gap`: the gap between ELBO and log p(x), in its two parts
- `exact`: models whose log p(x) is known; `classical`: inference before the VAE
"""
