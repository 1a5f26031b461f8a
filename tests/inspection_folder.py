"""A folder in the layout of inspections, tiny, for the command lines of `bench` and `tuner`."""

import numpy as np
from PIL import Image

READ = (  # what a command says of it
    "read: 18 images of 8x8, grey, 8 bits (test 6, train 12)",
    "classes: good 15, scratch 3",
    "masks: 2 classes, the background among them",
)


def make(root):
    """Writes noise, and scratches of white: a mean image finds each of their pixels."""
    generator = np.random.default_rng(0)
    for place, num in (("train/good", 12), ("test/good", 3), ("test/scratch", 3)):
        (root / place).mkdir(parents=True)
        for row in range(num):
            pixels = generator.integers(60, 90, (8, 8), dtype="uint8")
            if place == "test/scratch":
                pixels[2 + row, 1:7] = 255
                (root / "ground_truth/scratch").mkdir(parents=True, exist_ok=True)
                mask = (pixels == 255) * np.uint8(255)
                Image.fromarray(mask).save(root / f"ground_truth/scratch/{row}_mask.png")
            Image.fromarray(pixels).save(root / f"{place}/{row}.png")
    return root
