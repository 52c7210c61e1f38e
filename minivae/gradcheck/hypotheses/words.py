"""Names of blocks, for the sentences of the hypotheses."""


def names_of(blocks):
    """The names of blocks, as a list."""
    return [block.name for block in blocks]


def listed(blocks):
    """The names of blocks, as words."""
    return ", ".join(names_of(blocks))
