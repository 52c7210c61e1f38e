"""minivae: a variational autoencoder in NumPy, every gradient by hand."""

__version__ = "0.1.0"
