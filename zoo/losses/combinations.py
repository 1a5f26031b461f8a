"""Mask losses from plain text, such as `"binary_crossentropy + 0.5 * dice"`."""

import dataclasses
import inspect
import math
import re
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
_EXAMPLE = "Write it as '0.5 * binary_crossentropy + tversky(fp_weight=0.3, fn_weight=0.7)'."
_WORDS = {"None": None, "True": True, "False": False}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<symbol>[-+*(),=]))"
)


def mask_loss_names() -> list[str]:
    """Returns the names that `mask_loss` knows, those with `batch_` included."""
    return [*MASK_LOSSES, *(_BATCH + name for name in MASK_LOSSES if "reduction" in _options(name))]


@dataclasses.dataclass(frozen=True)
class MaskLossTerm:
    """Holds one term of a mask loss: its weight, its name and the options of its function."""

    weight: float
    name: str
    options: dict

    def __call__(self, target, logits):
        options = self.options
        if self.name not in MASK_LOSSES:
            options = {**options, "reduction": "batch"}
        return self.weight * MASK_LOSSES[_base(self.name)](target, logits, **options)

    def __str__(self):
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        call = f"{self.name}({options})" if options else self.name
        return call if self.weight == 1 else f"{self.weight:g} * {call}"


@dataclasses.dataclass(frozen=True)
class MaskLoss:
    """Computes a weighted sum of mask losses: `loss(target, logits)` has shape `(batch,)`."""

    terms: tuple[MaskLossTerm, ...]

    def __call__(self, target, logits):
        return sum(term(target, logits) for term in self.terms)

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
    parameters = list(inspect.signature(MASK_LOSSES[_base(name)]).parameters)[2:]
    return [p for p in parameters if p != "reduction" or name in MASK_LOSSES]


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
    """Reads `[weight *] name [(option=value, ...)] + ...`."""

    def __init__(self, spec: str):
        self.spec = spec
        self.tokens, position = [], 0
        while spec[position:].strip():
            match = _TOKEN.match(spec, position)
            if match is None:
                self._fail("hold names, numbers and + * ( ) , =", spec[position:].strip())
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.tokens.append(("end", ""))

    def terms(self) -> list[tuple[float, str, dict]]:
        found = [self._term()]
        while self._kind() != "end":
            self._symbol("+", "have + between its terms")
            found.append(self._term())
        return found

    def _term(self):
        weight = 1.0
        if self._kind() == "number":
            weight = float(self._take())
            if not 0 < weight < math.inf:
                self._fail("have weights above 0 and finite", f"{weight:g} {self._rest()}")
            self._symbol("*", "have * after a weight")
        if self._kind() != "name":
            self._fail("name a loss in each term, after its weight", self._rest())
        name = self._take()
        known = mask_loss_names()
        if name not in known:
            raise ValueError(
                f"mask_loss: spec must name known losses. Received: {name!r} in {self.spec!r}."
                f"{checks.suggestion(name, known)} Known: {', '.join(known)}."
            )
        return weight, name, self._arguments(name)

    def _arguments(self, name: str) -> dict:
        if self.tokens[0] != ("symbol", "("):
            return {}
        self._take()
        found = {}
        while self.tokens[0] != ("symbol", ")"):
            if found:
                self._symbol(",", f"have , between the options of {name} and ) after them")
            if self._kind() != "name":
                self._fail(f"give the options of {name} as name=value", self._rest())
            option = self._take()
            self._symbol("=", f"give the options of {name} as name=value")
            if option in found:
                self._fail(f"give {option} of {name} once", self._rest())
            found[option] = self._value(name, option)
        self._take()
        return found

    def _value(self, name: str, option: str):
        sign = -1 if self.tokens[0] == ("symbol", "-") else 1
        if sign == -1:
            self._take()
        if self._kind() == "number":
            text = self._take()
            return sign * (int(text) if text.isdigit() else float(text))
        if sign == -1 or self._kind() not in ("name", "quoted"):
            self._fail(f"give {option} of {name} a number or a word", self._rest())
        text = self._take().strip("'\"")
        return _WORDS.get(text, text)

    def _kind(self) -> str:
        return self.tokens[0][0]

    def _take(self) -> str:
        return self.tokens.pop(0)[1]

    def _rest(self) -> str:
        return " ".join(text for _, text in self.tokens).strip()

    def _symbol(self, symbol: str, expectation: str) -> None:
        if self.tokens[0] != ("symbol", symbol):
            self._fail(expectation, self._rest())
        self._take()

    def _fail(self, expectation: str, rest: str):
        place = f"{rest!r} in {self.spec!r}" if rest else f"the end of {self.spec!r}"
        raise ValueError(f"mask_loss: spec must {expectation}. Received: {place}. {_EXAMPLE}")
