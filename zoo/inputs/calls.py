"""The arguments of a call, by name."""

import functools
import inspect

from zoo import checks

_signature = functools.cache(inspect.signature)


def bound(owner: str, function, args: tuple, kwargs: dict, others: tuple[str, ...] = ()) -> dict:
    """Returns the arguments of a call by name.

    Args:
        owner: Class name for the message.
        function: What is called; of a method the first argument is `self`.
        others: Names of arguments that may be given beside its own, and were taken out.

    Raises:
        TypeError: for arguments that it does not have, or has twice.
    """
    signature = _signature(function)
    try:
        return dict(signature.bind_partial(*args, **kwargs).arguments)
    except TypeError as error:
        known = [*(name for name in signature.parameters if name != "self"), *others]
        checks.known_arguments(f"{owner}.{function.__name__}", kwargs, known)
        raise TypeError(f"{owner}.{function.__name__}: {error}.") from None
