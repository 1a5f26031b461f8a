"""Commands of `python -m zoo`: one module per kind of work."""
