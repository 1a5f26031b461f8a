"""Mask losses from plain text, such as `"binary_crossentropy + 0.5 * dice"`."""

import ast
import dataclasses
import inspect
import math
import typing
from collections.abc import Callable

from zoo import checks
from zoo.losses import masks

MASK_LOSSES = {
    "crossentropy": masks.mask_crossentropy,
    "binary_crossentropy": masks.mask_binary_crossentropy,
    "categorical_crossentropy": masks.mask_categorical_crossentropy,
    "focal": masks.focal,
    "dice": masks.dice,
    "jaccard": masks.jaccard,
    "tversky": masks.tversky,
    "focal_tversky": masks.focal_tversky,
    "lovasz": masks.lovasz,
    "boundary": masks.boundary,
}
_BATCH = "batch_"
_OF_DATA = ("target", "logits", "weights", "class_weights")  # no options of a text
_EXAMPLE = "Write it as '0.5 * binary_crossentropy + tversky(fp_weight=0.3, fn_weight=0.7)'."


def mask_loss_names() -> list[str]:
    """Returns the names that `mask_loss` knows, those with `batch_` included."""
    return [*MASK_LOSSES, *(_BATCH + name for name in MASK_LOSSES if "reduction" in _options(name))]


@dataclasses.dataclass(frozen=True)
class MaskLossTerm:
    """Holds one term of a mask loss: its weight, its name and the options of its function."""

    weight: float
    name: str
    options: dict

    def __call__(self, target, logits, weights=None, class_weights=None):
        options = {**self.options, "weights": weights, "class_weights": class_weights}
        if self.name not in MASK_LOSSES:
            options["reduction"] = "batch"
        return self.weight * MASK_LOSSES[_base(self.name)](target, logits, **options)

    def __str__(self):
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        call = f"{self.name}({options})" if options else self.name
        return call if self.weight == 1 else f"{self.weight:g} * {call}"


@dataclasses.dataclass(frozen=True)
class MaskLoss:
    """Computes a weighted sum of mask losses: `loss(target, logits)` has shape `(batch,)`.

    It takes `weights` of pixels and `class_weights` too, for all terms: see `zoo.losses.masks`.
    """

    terms: tuple[MaskLossTerm, ...]

    def __call__(self, target, logits, weights=None, class_weights=None):
        return sum(term(target, logits, weights, class_weights) for term in self.terms)

    def __str__(self):
        return " + ".join(map(str, self.terms))


def mask_loss(spec: str, **options) -> Callable:
    """Makes a loss of masks from text.

    Args:
        spec: Terms joined by `+`, each with an optional weight `> 0` before `*` and with
            options in parentheses: `"binary_crossentropy + dice"`,
            `"0.5 * focal(gamma=1) + 0.5 * batch_dice"`. See `mask_loss_names`; the prefix
            `batch_` takes the overlap of the whole batch instead of that of each image.
        **options: Options for every term that takes them; those in the text come first.

    Returns:
        A callable of `(target, logits)` that gives a float32 tensor `(batch,)`. Its text is the
        spec in full.

    Raises:
        TypeError: if `spec` is not a string.
        ValueError: for text that cannot be read, unknown names, and options out of range.

    Example:
        >>> print(zoo.losses.mask_loss("dice + 0.50*focal( gamma=1 )"))
        dice + 0.5 * focal(gamma=1)
    """
    if not isinstance(spec, str):
        raise TypeError(
            "mask_loss: spec must be a string, such as 'binary_crossentropy + dice'. "
            f"Received: spec={spec!r}."
        )
    parsed = _Parser(spec).terms()
    known = {option for _, name, _ in parsed for option in _options(name)}
    for option in options:
        if option not in known:
            raise ValueError(
                f"mask_loss: options must be taken by a term of {spec!r}. Received: {option}="
                f"{options[option]!r}.{checks.suggestion(option, known)}"
            )
    return MaskLoss(tuple(_term(*term, options) for term in parsed))


def _base(name: str) -> str:
    return name if name in MASK_LOSSES else name.removeprefix(_BATCH)


def _options(name: str) -> list[str]:
    """Returns the options that a name takes; `batch_` has settled the reduction."""
    parameters = inspect.signature(MASK_LOSSES[_base(name)]).parameters
    settled = _OF_DATA if name in MASK_LOSSES else (*_OF_DATA, "reduction")
    return [parameter for parameter in parameters if parameter not in settled]


def _term(weight: float, name: str, own: dict, shared: dict) -> MaskLossTerm:
    allowed = _options(name)
    for option, value in own.items():
        if option not in allowed:
            takes = f"It takes: {', '.join(allowed)}." if allowed else "It takes none."
            raise ValueError(
                f"mask_loss: options of {name} must be known. Received: {option}={value!r}."
                f"{checks.suggestion(option, allowed)} {takes}"
            )
    options = {key: value for key, value in {**shared, **own}.items() if key in allowed}
    defaults = inspect.signature(MASK_LOSSES[_base(name)]).parameters
    masks.check_options(
        _base(name), **{key: options.get(key, defaults[key].default) for key in allowed}
    )
    return MaskLossTerm(weight, name, options)


class _Parser:
    """Reads `[weight *] name [(option=value, ...)] + ...`, which is an expression of Python.

    Python parses the text and nothing of it is run: what is not of this grammar is refused.
    """

    def __init__(self, spec: str):
        self.spec = spec

    def terms(self) -> list[tuple[float, str, dict]]:
        text = " ".join(self.spec.splitlines())
        self.start = len(text) - len(text.lstrip())
        try:
            node = ast.parse(text.lstrip(), mode="eval").body
        except SyntaxError as error:
            column = error.offset - 1 if error.offset else len(text)  # 0: at the end of the text
            self._fail("be a sum of losses that can be read", column)
        except (ValueError, RecursionError, MemoryError):  # null bytes, or nested too deeply
            self._fail("be a sum of losses that can be read", 0)
        terms = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            terms.append(self._term(node.right))
            node = node.left
        return [self._term(node), *reversed(terms)]

    def _term(self, node: ast.expr) -> tuple[float, str, dict]:
        weight = 1.0
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            weight = self._number(node.left)
            if weight is None:
                self._fail("have a number before each *, and a loss after it", node.left)
            if not 0 < weight < math.inf:
                self._fail("have weights above 0 and finite", node.left)
            node = node.right
        elif isinstance(node, ast.BinOp):
            self._fail("have + between its terms", node.left.end_col_offset)
        call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        if not isinstance(call.func, ast.Name):
            self._fail("name a loss in each term, after its weight", node)
        name, known = call.func.id, mask_loss_names()
        if name not in known:
            raise ValueError(
                f"mask_loss: spec must name known losses. Received: {name!r} in {self.spec!r}."
                f"{checks.suggestion(name, known)} Known: {', '.join(known)}."
            )
        return float(weight), name, self._options(name, call)

    def _options(self, name: str, call: ast.Call) -> dict:
        options = {}
        for argument in call.args:
            self._fail(f"give the options of {name} as name=value", argument)
        for keyword in call.keywords:
            if keyword.arg is None:
                self._fail(f"give the options of {name} as name=value", keyword)
            if keyword.arg in options:
                self._fail(f"give {keyword.arg} of {name} once", keyword)
            options[keyword.arg] = self._value(name, keyword)
        return options

    def _value(self, name: str, keyword: ast.keyword):
        node = keyword.value
        number = self._number(node)
        if number is not None:
            return number
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bool | None):
            return node.value
        return self._fail(f"give {keyword.arg} of {name} a number or a word", node)

    def _number(self, node: ast.expr) -> float | None:
        """Returns a number, perhaps behind a minus; None for anything else."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self._number(node.operand)
            return None if number is None else -number
        is_number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        return node.value if is_number else None

    def _fail(self, expectation: str, place: ast.AST | int) -> typing.NoReturn:
        column = (place if isinstance(place, int) else place.col_offset) + self.start
        rest = " ".join(self.spec[column:].split())
        where = f"{rest!r} in {self.spec!r}, column {column + 1}"
        where = where if rest else f"the end of {self.spec!r}"
        raise ValueError(f"mask_loss: spec must {expectation}. Received: {where}. {_EXAMPLE}")
