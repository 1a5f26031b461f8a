"""Data sets in their official form: digits, MNIST, Fashion-MNIST and CIFAR-10."""

from bench.data import dataset, download
from bench.data.dataset import Dataset, Split

NUM_VALIDATION = 5_000
GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def digits(seed: int) -> Dataset:
    """Handwritten digits, 1,797 of 8 x 8, in the package.

    Of scikit-learn; needs no network.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images[..., None] / 16.0).astype("float32")
    whole = Split(images, bunch.target.astype("int64"))
    parts = dataset.random_split(whole, seed, (200, 300))
    return Dataset("digits", "reconstruction", *parts, tuple("0123456789"), "scikit-learn")


def fashion_mnist(seed: int) -> Dataset:
    """Garments, 70,000 of 28 x 28, Zalando.

    The last 5,000 of train are validation.
    """
    return _with_official_split("fashion_mnist", GARMENTS)


def mnist(seed: int) -> Dataset:
    """Handwritten digits, 70,000 of 28 x 28.

    The last 5,000 of train are validation.
    """
    return _with_official_split("mnist", tuple("0123456789"))


def cifar10(seed: int) -> Dataset:
    """Photographs, 60,000 of 32 x 32 x 3.

    The last 5,000 of train are validation.
    """
    class_names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    return _with_official_split("cifar10", class_names)


def _with_official_split(name: str, class_names: tuple[str, ...]) -> Dataset:
    (train_images, train_labels), (test_images, test_labels), source = download.official(name)
    train_images, test_images = dataset.unit_range(train_images), dataset.unit_range(test_images)
    num_validation = min(NUM_VALIDATION, len(train_images) // 10)
    cut = len(train_images) - num_validation
    for part, images in (("train", train_images), ("test", test_images)):
        dataset.check_pixels(f"{source}, {part} split", images)
    parts = (
        Split(train_images[:cut], train_labels[:cut]),
        Split(train_images[cut:], train_labels[cut:]),
        Split(test_images, test_labels),
    )
    return Dataset(name, "reconstruction", *parts, class_names, source)
