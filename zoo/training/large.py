"""`predict_large`: what a model says of images of any size, tile by tile."""

import numbers

import numpy as np

from zoo import checks, inspection
from zoo.tiles import grid as grids
from zoo.tiles import views as kinds

METHODS = ("segment", "probabilities", "reconstruct", "score_map", "predict_uncertainty")
_KEPT = "_of_other_sizes"


class LargeImages:
    """Methods that every model of images or series has."""

    def predict_large(
        self,
        images,
        tile=None,
        overlap: float = 0.25,
        blend: str = "gaussian",
        *,
        method: str | None = None,
        views: str = "none",
        with_deviation: bool = False,
        threshold: float = 0.5,
        batch_size: int = 8,
    ):
        """Applies a method to images of any size: on tiles that overlap, whose maps are blended.

        Where one tile covers an image of its size, the result is that of the method itself.
        Beyond the edges of an image that is smaller than a tile it goes on mirrored. In memory
        are, beside image and result, one row of tiles, and their maps as wide as the image.

        Args:
            images: Array `(batch, *sizes, channels)`; a list of arrays `(*sizes, channels)`, of
                any sizes; or one such array. Values in `[0, 1]`; they may lie in a mapped file.
            tile: `(height, width)`, an int for both, or None: the model's own. Only models
                without dense layers take another than their own.
            overlap: Share of a tile, in `[0, 0.9]`, that the next one covers at least.
            blend: `"gaussian"`: the middle of a tile counts most, edges hardly; or `"constant"`.
            method: One of `METHODS` that the model has. None: the first of them.
            views: `"none"`; `"flips"`: a mean over the tile as it is and flipped, 4 passes; or
                `"turns"`: over quarter turns too, 8 passes.
            with_deviation: Whether the deviation over views is returned too: a map of the doubt.
            threshold: Of `segment`: see there.
            batch_size: Tiles at a time.

        Returns:
            What the method returns, one map per image: an array where an array was given, else a
            list. With `with_deviation` a pair of it and of the standard deviations over views,
            float32 `(*sizes)`: the root of the mean over channels, and over the tiles by their
            weights, of the variance. Those of `segment` are of its probabilities.

        Raises:
            ValueError: for images that do not fit, arguments out of range, and a tile of another
                size than the model's where its weights depend on the size.
        """
        owner = f"{self.owner}.predict_large"
        method = self._large_method(owner, method)
        checks.positive_int(owner, batch_size=batch_size)
        checks.number(owner, low=0.0, high=1.0, threshold=threshold)
        several, is_array = self._large_images(owner, images)
        model = self.of_size(tile)
        look = self._look(model, method, views, with_deviation)
        sizes = model.image_shape[:-1]
        made = [
            _whole(
                image,
                grids.axes(image.shape[:-1], sizes, overlap, blend),
                look,
                batch_size,
                (lambda v: np.asarray(self.to_masks(v, threshold)))
                if method == "segment"
                else None,
                with_deviation,
            )
            for image in several
        ]
        parts = [list(part) for part in zip(*made, strict=True)]
        if is_array:
            is_one = np.ndim(images) == len(self.image_shape)
            parts = [part[0] if is_one else np.stack(part) for part in parts]
        return tuple(parts) if with_deviation else parts[0]

    def of_size(self, tile=None):
        """Returns this model for images of another size, with the same weights.

        The copy is kept and gets the weights anew with each call.

        Args:
            tile: `(height, width)`, `(length,)`, an int for all sides, or None: the model itself.

        Raises:
            ValueError: where the weights depend on the size, as those of dense layers do.
        """
        own = self.image_shape[:-1]
        tile = (tile,) * len(own) if isinstance(tile, numbers.Integral) else tile
        sizes = own if tile is None else checks.ints(self.owner, "tile", tile)
        if sizes == own:
            return self
        kept = inspection.cached_while(self, _KEPT, inspection.variables_of(self))
        if sizes not in kept:
            kept[sizes] = self._remade(sizes)
        kept[sizes].set_weights(self.get_weights())
        return kept[sizes]

    def _remade(self, sizes: tuple[int, ...]):
        config = {**self.get_config(), "image_shape": (*sizes, self.image_shape[-1])}
        shown, own = ("x".join(map(str, each)) for each in (sizes, self.image_shape[:-1]))
        if len(sizes) != len(self.image_shape) - 1:
            raise ValueError(
                f"{self.owner}: tile must have the model's axes. Received: {shown} for a model "
                f"of {own}."
            )
        try:
            model = type(self).from_config(config)
        except ValueError as error:
            raise ValueError(
                f"{self.owner}: tile must be a size that the model takes. Received: {shown}. "
                f"{error}"
            ) from error
        shapes = [[weight.shape for weight in each.weights] for each in (self, model)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{self.owner}: tile must be {own}, the model's own size, as its weights depend "
                f"on it. Received: tile={shown}. Leave it out, or train a model of this size."
            )
        return model

    def _large_method(self, owner: str, method: str | None) -> str:
        able = [name for name in METHODS if hasattr(self, name)]
        if len(self.image_shape) == 1 or not able or self.task == "conditional":
            raise ValueError(
                f"{owner}: the model must take images or series alone, and give maps of them. "
                f"Received: a {self.registry_name or self.owner} of {self.image_shape}."
            )
        method = able[0] if method is None else method
        if method not in able:
            raise ValueError(
                f"{owner}: method must be one of {', '.join(able)}. Received: {method!r}."
            )
        return method

    def _large_images(self, owner: str, images) -> tuple[list, bool]:
        """Returns checked images, and whether they were given as one array."""
        is_array = hasattr(images, "shape")
        rank = len(self.image_shape)
        if is_array and len(images.shape) in (rank, rank + 1):
            several = [images] if len(images.shape) == rank else list(images)
        elif is_array:
            raise ValueError(
                f"{owner}: images must be (batch, *sizes, {self.image_shape[-1]}), or a list of "
                f"(*sizes, {self.image_shape[-1]}). Received: shape {tuple(images.shape)}."
            )
        else:
            several = [image if hasattr(image, "shape") else np.asarray(image) for image in images]
        if not several:
            raise ValueError(f"{owner}: images must hold at least one image. Received: none.")
        for number, image in enumerate(several):
            if len(image.shape) != rank or image.shape[-1] != self.image_shape[-1]:
                raise ValueError(
                    f"{owner}: each image must be (*sizes, {self.image_shape[-1]}). "
                    f"Received: shape {tuple(image.shape)} at index {number}."
                )
            checks.images(owner, image[None], tuple(image.shape), "images")
        return several, is_array

    def _look(self, model, method: str, kind: str, with_deviation: bool):
        """Returns a function from tiles to their maps, and with deviation their variances."""
        run = getattr(model, "probabilities" if method == "segment" else method)
        several = kinds.views(kind, model.image_shape[:-1])
        if len(several) == 1 and not with_deviation:
            return run
        look = kinds.mean_and_variance(run, several)
        return look if with_deviation else lambda tiles: look(tiles)[..., 0]


def _whole(image, grid, look, batch_size, finish, with_deviation):
    """Returns the map of one image; with deviation its deviations too."""
    sizes = tuple(each.size for each in grid)
    result = deviation = None
    for first, band in grids.blended(image, grid, look, batch_size):
        rows = slice(first, first + len(band))
        if with_deviation:
            band, variance = band[..., 0], band[..., 1]
            deviation = np.empty(sizes, "float32") if deviation is None else deviation
            channels = tuple(range(len(sizes), variance.ndim))
            deviation[rows] = np.sqrt(variance.mean(axis=channels))
        values = band if finish is None else finish(band)
        if result is None:
            result = np.empty((*sizes, *values.shape[len(sizes) :]), values.dtype)
        result[rows] = values
    return (result, deviation) if with_deviation else (result,)
