"""Weights of pixels: what `sample_weight` may also hold, for a model of masks."""

import math

from keras import ops

from zoo.inputs import checking, masks


class PixelWeights:
    """Lets `sample_weight` be `(batch, *spatial)`, perhaps with an axis of 1: the target has it.

    A base of a `ZooModel` before it. `loss_terms` finds the weights under `"weight"` of a target
    that is a dict, float32 `(batch, *spatial, 1)`, with the mask under `"image"`.

    A graph that has seen weights of both kinds does not know their shape: then their number tells.
    """

    def check_weight_shape(self, shape):
        if not self._is_of_pixels(shape):
            super().check_weight_shape(shape)

    def _is_of_pixels(self, shape) -> bool:
        """Tells whether weights of this shape are one per pixel, perhaps with an axis of 1."""
        spatial, shape = self.image_shape[:-1], tuple(shape)
        sizes = shape[1 : len(spatial) + 1]
        return sizes == spatial and shape[1 + len(spatial) :] in ((), (1,))

    def _by_kind(self, sample_weight):
        """Returns weights of pixels, `(batch, *spatial, 1)`, and of images; None: all are 1."""
        spatial = self.image_shape[:-1]
        weight = ops.cast(sample_weight, "float32")
        if masks.has_known_rank(weight) and None not in tuple(weight.shape)[1:]:
            if self._is_of_pixels(weight.shape):
                return ops.reshape(weight, (-1, *spatial, 1)), None
            return None, sample_weight
        rows = checking.weights_by_row(weight)
        is_of_pixels = ops.shape(rows)[1] > 1
        places = (ops.shape(rows)[0], math.prod(spatial))
        of_pixels = ops.broadcast_to(ops.where(is_of_pixels, rows, 1.0), places)
        of_images = ops.where(is_of_pixels, 1.0, rows[:, 0])
        return ops.reshape(of_pixels, (-1, *spatial, 1)), of_images

    def weighed_target(self, target, sample_weight):
        weight = None if sample_weight is None else self._by_kind(sample_weight)[0]
        if weight is None:
            return target
        if isinstance(target, dict):
            return {**target, "weight": target["weight"] * weight}
        return {"image": target, "weight": weight}

    def weight_of_metrics(self, sample_weight):
        if sample_weight is None:
            return None
        of_pixels, of_images = self._by_kind(sample_weight)
        if of_pixels is None or of_images is None:
            return sample_weight
        axes = (-1, *(1,) * len(self.image_shape))
        return (of_pixels * ops.reshape(of_images, axes))[..., 0]

    def _per_sample_weight(self, sample_weight):
        if sample_weight is not None:
            sample_weight = self._by_kind(sample_weight)[1]
        return super()._per_sample_weight(sample_weight)
