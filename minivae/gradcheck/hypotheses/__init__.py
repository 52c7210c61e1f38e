"""What may be wrong with a gradient: hypotheses, each held against the numbers.

- `obstacles`: why nothing, or not all, could be judged
- `repetition`: gradients that change when they are asked for again
- `numbers`: the right numbers times a factor, in other places, or of another thing
- `terms`: one term of the loss
- `heads`: the two heads of a VAE
"""

from minivae.gradcheck.hypotheses import heads, numbers, obstacles, repetition, terms

CAUSES = [
    repetition.repetition,
    numbers.gradient_not_finite,
    numbers.wrong_shape,
    numbers.identically_zero,
    terms.part_factor,
    numbers.constant_factor,
    numbers.penalty,
    numbers.misplaced,
    numbers.another_block,
    numbers.one_row,
    heads.power_of_sigma,
    heads.another_draw,
    numbers.stale,
]
CONDITIONS = [
    obstacles.loss_not_finite,
    obstacles.noise_not_frozen,
    obstacles.single_precision,
    obstacles.kink,
    obstacles.too_coarse,
]
