"""Searches for the settings of a model that fit your images, within a budget."""
