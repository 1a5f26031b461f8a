"""Weights of pixels: what `sample_weight` may also hold, for a model of masks."""

from keras import ops


class PixelWeights:
    """Lets `sample_weight` be `(batch, *spatial)`, perhaps with an axis of 1: the target has it.

    A base of a `ZooModel` before it. `loss_terms` finds the weights under `"weight"` of a target
    that is a dict, float32 `(batch, *spatial, 1)`, with the mask under `"image"`.
    """

    def check_weight_shape(self, shape):
        if not self._is_of_pixels(shape):
            super().check_weight_shape(shape)

    def _is_of_pixels(self, shape) -> bool:
        """Tells whether weights of this shape are one per pixel, perhaps with an axis of 1."""
        spatial, shape = self.image_shape[:-1], tuple(shape)
        sizes = shape[1 : len(spatial) + 1]
        is_known = all(a in (None, b) for a, b in zip(sizes, spatial, strict=False))
        return len(sizes) == len(spatial) and is_known and shape[1 + len(spatial) :] in ((), (1,))

    def weighed_target(self, target, sample_weight):
        if sample_weight is None or not self._is_of_pixels(sample_weight.shape):
            return target
        shape = (-1, *self.image_shape[:-1], 1)
        weight = ops.reshape(ops.cast(sample_weight, "float32"), shape)
        if isinstance(target, dict):
            return {**target, "weight": target["weight"] * weight}
        return {"image": target, "weight": weight}

    def _per_sample_weight(self, sample_weight):
        if sample_weight is not None and self._is_of_pixels(sample_weight.shape):
            return None
        return super()._per_sample_weight(sample_weight)
