"""Triptych: three landmark families of neural networks, live on the person's own machine."""

__version__ = "0.1.0"
