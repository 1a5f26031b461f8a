"""The optimizer that a model is compiled with, and its learning rate."""
