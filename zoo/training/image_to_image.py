"""What models share that give an image for an image: the loss of pixels, and how strange it is."""

from keras import ops

from zoo import losses
from zoo.inputs.batching import batched
from zoo.layers.restorations import RESTORATIONS

# Name to (loss per sample, does it read logits?).
RECONSTRUCTIONS = {
    "mean_squared_error": (losses.mean_squared_error, False),
    "mean_absolute_error": (losses.mean_absolute_error, False),
    "mean_huber": (losses.mean_huber, False),
    "binary_crossentropy": (losses.binary_crossentropy, True),
    "ssim": (losses.ssim, False),
    "ms_ssim": (losses.ms_ssim, False),
}


def check_images(model, x) -> None:
    """Checks input arrays of a batched method."""
    model.check_inputs(x)


class ImageToImage:
    """Methods of a `ZooModel` with the attribute `reconstruction`, a key of `RECONSTRUCTIONS`."""

    def loss_terms(self, x, target, outputs):
        function, reads_logits = RECONSTRUCTIONS[self.reconstruction]
        output = outputs["logits" if reads_logits else "prediction"]
        return {"reconstruction": function(target, output)}

    @batched(check_images)
    def reconstruct(self, x):
        """Returns the images that the model makes, `(batch, *image_shape)`."""
        return self.call(x, training=False)

    @batched(check_images)
    def score_map(self, x):
        """Returns the anomaly score of each pixel: squared error, averaged over channels.

        Of models that restore rotated, erased, blurred or grey images it is the error of the
        restored ones. Shape `(batch, height, width)` or `(batch, length)`; `(batch, features)` for
        flat vectors.
        """
        if getattr(self, "corruption", None) in RESTORATIONS:
            return ops.mean(self.restoration_error(x), axis=-1)
        image = ops.cast(self.image_of(x), "float32")
        error = ops.square(image - self.call(x, training=False))
        return ops.mean(error, axis=-1) if len(self.image_shape) > 1 else error

    @batched(check_images)
    def anomaly_score(self, x):
        """Returns one score per image, higher for stranger ones: the mean of `score_map`."""
        return losses.mean_over_event(self.score_map(x))
