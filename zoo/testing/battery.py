"""All checks, run on a class of your own: `zoo.testing.check_model(MyModel)`."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from zoo import checks as checked
from zoo.testing import (
    call_checks,
    config_checks,
    door_checks,
    optimizer_checks,
    training_checks,
)
from zoo.testing.expect import ExcusedError
from zoo.testing.subject import NUM_IMAGES, Subject
from zoo.training.model import ZooModel

CHECKS: dict[str, Callable[[Subject], None]] = {
    check.__name__: check
    for room in (config_checks, training_checks, call_checks, optimizer_checks, door_checks)
    for check in room.CHECKS
}
# What a class may except in `EXCEPTIONS`, beside the names of checks.
PROPERTIES = {
    "equal_parts": "the loss of a batch is the mean of its halves' losses",
    "weights_add_up": "the weighted losses of some rows and of the others add up to that of all",
    "flat_vectors": "images may be vectors, `image_shape=(features,)`",
    "divisible_shapes": "sizes must be divisible by the network's strides",
}
PASSED, FAILED, EXCUSED = "passed", "failed", "excused"


class ModelCheckError(AssertionError):
    """Some properties do not hold. `report` tells of all.

    Args:
        report: What was found.
    """

    def __init__(self, report: "Report"):
        super().__init__(str(report))
        self.report = report


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: Of the check.
        status: `"passed"`, `"failed"` or `"excused"`.
        text: The property, in a sentence.
        reason: Why it failed, or why it does not apply.
    """

    name: str
    status: str
    text: str
    reason: str = ""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Report:
    """What all checks found of a class; `str` shows the failures first."""

    model_class: type
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == FAILED]

    def __str__(self):
        count = dict.fromkeys((PASSED, EXCUSED, FAILED), 0)
        for finding in self.findings:
            count[finding.status] += 1
        numbers = ", ".join(f"{number} {status}" for status, number in count.items())
        lines, first_with = [f"{self.model_class.__name__}: {numbers}"], {}
        for status in (FAILED, EXCUSED):
            for finding in self.findings:
                if finding.status != status:
                    continue
                first = first_with.setdefault(finding.reason, finding.name)
                is_first = first == finding.name
                lines.append(f"{status}: {finding.name}: {finding.text}")
                lines.append(f"    {finding.reason if is_first else f'as {first}'}")
        return "\n".join(lines)


def check_model(
    model_class: type,
    image_shape: tuple[int, ...] = (8, 8, 1),
    *,
    arguments: dict | None = None,
    changed: dict | None = None,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    only: tuple[str, ...] | None = None,
    raises: bool = True,
) -> Report:
    """Checks that a model of your own does all that a model of the zoo does.

    Small models of the class are trained, saved, loaded in another process, run in mixed precision
    and on replicas, and given wrong data: some minutes. A property that cannot hold for the class
    is declared in it, with the reason; see `CHECKS` and `PROPERTIES` for the names:

        class Mine(zoo.models.Autoencoder):
            EXCEPTIONS = {"equal_parts": "the loss has a statistic of the batch."}

    Args:
        model_class: Subclass of `zoo.ZooModel`, defined in a module.
        image_shape: Shape of the images that are drawn for the checks.
        arguments: Constructor arguments of the models that are trained; small ones by default.
        changed: A value off its default for each constructor argument that is new in the class.
        images: Images of your own instead, float32 in `[0, 1]`, at least 1,250.
        labels: Their classes, int `0, 1, ...`, for tasks with labels.
        only: Names of checks; None: all.
        raises: Whether a failure is an error.

    Returns:
        What was found; `print` shows it.

    Raises:
        ModelCheckError: if properties do not hold: the text names each.
        TypeError: if the class is no subclass of `ZooModel`.
        ValueError: for an unknown name, or too few images.

    Example:
        >>> import zoo
        >>> class Mine(zoo.models.Autoencoder):
        ...     '''Copies.'''
        >>> report = zoo.testing.check_model(Mine, only=("unknown_arguments_are_refused",))
        >>> print(report)
        Mine: 1 passed, 0 excused, 0 failed
    """
    if not (isinstance(model_class, type) and issubclass(model_class, ZooModel)):
        raise TypeError(
            "check_model: model_class must be a subclass of zoo.ZooModel. "
            f"Received: model_class={model_class!r}."
        )
    if images is not None and len(images) < NUM_IMAGES:
        raise ValueError(
            f"check_model: images must be at least {NUM_IMAGES}. Received: {len(images)} images. "
            "Leave them out to have some drawn."
        )
    if images is None and labels is not None:
        raise ValueError(
            "check_model: labels are those of images of your own. Received: labels alone. Give "
            "images too, or leave the labels out."
        )
    allowed = [*model_class.argument_names(), "name", "dtype"]
    for given in (arguments, changed):
        checked.known_arguments(model_class.__name__, given or (), allowed)
    _check_names("only", only or ())
    _check_names("EXCEPTIONS", _declared(model_class))
    subject = Subject(
        model_class,
        image_shape,
        arguments=arguments,
        changed=changed,
        images=images,
        labels=labels,
    )
    findings = tuple(run(subject, name) for name in (only or CHECKS))
    report = Report(model_class, findings)
    if raises and report.failures:
        raise ModelCheckError(report)
    return report


def run(subject: Subject, name: str) -> Finding:
    """Runs one check; whatever an error of the model is, it is a failure with its text."""
    check = CHECKS[name]
    text = " ".join((check.__doc__ or "").partition("\n\n")[0].split())
    if reason := subject.excuse(name):
        return Finding(name, EXCUSED, text, reason)
    start = time.perf_counter()
    try:
        check(subject)
    except ExcusedError as excuse:
        return Finding(name, EXCUSED, text, str(excuse))
    except Exception as error:  # a model may fail in any way: that is what is asked
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {' '.join(lines)}"[:600]
        return Finding(name, FAILED, text, reason, time.perf_counter() - start)
    return Finding(name, PASSED, text, "", time.perf_counter() - start)


def _declared(model_class: type) -> list[str]:
    return [name for base in model_class.__mro__ for name in vars(base).get("EXCEPTIONS", ())]


def _check_names(owner: str, names) -> None:
    for name in names:
        checked.one_of("check_model", **{owner: (name, (*CHECKS, *PROPERTIES))})
