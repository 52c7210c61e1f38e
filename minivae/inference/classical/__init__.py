"""Variational inference one data set at a time: what an encoder amortizes.

- `cavi`: coordinate ascent, each factor of q set to its optimum in turn
- `bbvi`: black-box inference, stochastic gradient ascent on any log p(x, z)
"""
