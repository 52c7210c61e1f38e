"""How good is q(z|x), and how large is log p(x)?

- `bounds`: importance-sampling estimates of log p(x)
- `diagnostics`: active units, and what a trained model implies
- `gap`: the gap between ELBO and log p(x), in its two parts
- `exact`: models whose log p(x) is known; `classical`: inference before the VAE
"""
