"""Mask losses from text: what it may say, and what an error tells."""

import numpy as np
import pytest

from zoo import losses

RANDOM = np.random.default_rng(0)
SHAPE = (3, 6, 5, 1)
BINARY = (RANDOM.uniform(size=SHAPE) < 0.4).astype("float32")
LOGITS = RANDOM.normal(size=SHAPE).astype("float32")
FUNCTIONS = {
    "crossentropy": losses.mask_crossentropy,
    "binary_crossentropy": losses.mask_binary_crossentropy,
    "focal": losses.focal,
    "dice": losses.dice,
    "jaccard": losses.jaccard,
    "tversky": losses.tversky,
    "focal_tversky": losses.focal_tversky,
    "lovasz": losses.lovasz,
    "boundary": losses.boundary,
}


def test_every_name_is_a_loss():
    names = losses.mask_loss_names()
    assert set(FUNCTIONS) | {"categorical_crossentropy", "batch_dice"} <= set(names)
    for name in set(names) - {"categorical_crossentropy"}:
        value = losses.mask_loss(name)(BINARY, LOGITS)
        assert value.shape == (3,)
        reduction = {"reduction": "batch"} if name.startswith("batch_") else {}
        expected = FUNCTIONS[name.removeprefix("batch_")](BINARY, LOGITS, **reduction)
        np.testing.assert_array_equal(value, expected)
    two_classes = np.concatenate([BINARY, 1 - BINARY], -1), np.concatenate([LOGITS, -LOGITS], -1)
    found = losses.mask_loss("categorical_crossentropy")(*two_classes)
    expected = losses.mask_binary_crossentropy(BINARY, 2 * LOGITS)  # softmax of l and -l
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("binary_crossentropy + dice", [(1, "crossentropy", {}), (1, "dice", {})]),
        (
            "0.5 * binary_crossentropy + 0.5 * batch_dice",
            [(0.5, "crossentropy", {}), (0.5, "dice", {"reduction": "batch"})],
        ),
        (
            "tversky(fp_weight=0.3, fn_weight=0.7) + 0.01 * boundary",
            [(1, "tversky", {"fp_weight": 0.3, "fn_weight": 0.7}), (0.01, "boundary", {})],
        ),
        (
            " 1e+1*focal( gamma=1,alpha = None )+.5*batch_lovasz(classes='all') ",
            [
                (10, "focal", {"gamma": 1, "alpha": None}),
                (0.5, "lovasz", {"classes": "all", "reduction": "batch"}),
            ],
        ),
        ("dice(reduction=batch)", [(1, "dice", {"reduction": "batch"})]),
    ],
)
def test_text_is_the_weighted_sum(spec, parts):
    expected = sum(
        weight * FUNCTIONS[name](BINARY, LOGITS, **options) for weight, name, options in parts
    )
    loss = losses.mask_loss(spec)
    np.testing.assert_allclose(loss(BINARY, LOGITS), expected, rtol=1e-6)
    again = losses.mask_loss(str(loss))
    np.testing.assert_allclose(again(BINARY, LOGITS), expected, rtol=1e-6)


def test_shared_options_give_way_to_those_in_the_text():
    loss = losses.mask_loss("dice + jaccard(smoothing=2) + boundary", smoothing=5.0)
    expected = (
        losses.dice(BINARY, LOGITS, smoothing=5.0)
        + losses.jaccard(BINARY, LOGITS, smoothing=2.0)
        + losses.boundary(BINARY, LOGITS)
    )
    np.testing.assert_allclose(loss(BINARY, LOGITS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "can be read.*the end of ''"),
        ("dise", r"'dise' in 'dise'\. Did you mean 'dice'\? Known: "),
        ("batch_boundary", "must name known losses"),
        ("batch_focal", "must name known losses"),
        ("dice dice", r"can be read\. Received: 'dice' in 'dice dice', column 6"),
        ("dice +", "can be read.*the end"),
        ("dice - jaccard", r"must have \+ between its terms"),
        ("-1 * dice", "weights above 0 and finite"),
        (
            "0 * dice",
            r"weights above 0 and finite\. Received: '0 \* dice' in .*column 1\.",
        ),
        ("dice + 1e400 * jaccard", "weights above 0 and finite"),
        ("2 dice", r"can be read\. Received: 'dice' in '2 dice', column 3"),
        ("dice * 2", r"a number before each \*"),
        ("dice(2)", "options of dice as name=value"),
        ("dice(smoothing=)", "can be read"),
        ("dice(smoothing=1", r"can be read.*column 5"),
        ("dice(smoothing=1, smoothing=2)", "give smoothing of dice once"),
        ("dice(smothing=1)", r"Did you mean 'smoothing'\? It takes: smoothing, reduction\."),
        ("batch_dice(reduction=image)", r"options of batch_dice must be known.*It takes: smooth"),
        ("boundary(gamma=1)", "It takes none"),
        ("dice(smoothing=-1)", r"dice: smoothing must be a number.*smoothing=-1\."),
        ("dice(smoothing=high)", "dice: smoothing must be a number"),
        ("dice @ 2", r"have \+ between its terms.*'@ 2' in 'dice @ 2', column 5"),
        ("__import__('os')", "must name known losses"),
        ("dice.__class__", "must name a loss in each term"),
        ("(lambda: dice)()", "must name a loss in each term"),
        ("0.5 * (dice + focal)", "must name a loss in each term.*column 8"),
        ("True * dice", "a number before each"),
        ("1j * dice", "a number before each"),
        ("dice(**focal)", "options of dice as name=value"),
        ("dice(smoothing=[1])", "smoothing of dice a number or a word.*column 16"),
        ("  dice +\n  0 * focal", "column 12"),
        ("dice\0", "can be read"),
        ("(" * 5000, "can be read"),
    ],
)
def test_text_that_cannot_be_read(spec, message):
    with pytest.raises(ValueError, match=message) as caught:
        losses.mask_loss(spec)
    assert "\n" not in str(caught.value)


def test_not_text():
    with pytest.raises(TypeError, match="mask_loss: spec must be a string"):
        losses.mask_loss(losses.dice)


def test_unused_shared_option():
    with pytest.raises(ValueError, match=r"gama='2'.* Did you mean 'gamma'\?"):
        losses.mask_loss("dice + focal", gama="2")
