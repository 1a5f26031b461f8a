"""Tables of numbers, and long series in windows: no images, no Keras."""
