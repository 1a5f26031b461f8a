"""What chief and workers say to each other, beside the service of keras_tuner.

`keras_tuner` gives out trials over gRPC: `CreateTrial`, `UpdateTrial`, `EndTrial`. Its messages
round every number to 32 bits and carry neither results nor models, so that a second service on the
same port has what a trial needs to be the same anywhere. Each message is a line of JSON, the
header, and after it the bytes of the files whose names and sizes the header lists.

    Describe    -> what is searched, and the versions that a worker must have
    Job         trial and worker -> exact values, and the models that it goes on from
    Tell        trial, worker and text -> whether the trial is still that worker's
    Result      trial, worker, result and models -> whether it was taken
"""

import importlib.metadata
import json
import re
from collections.abc import Callable
from typing import Any

SERVICE = "keras_autoencoder_zoo.Search"
METHODS = ("Describe", "Job", "Tell", "Result")
# Models are larger than gRPC's limit of 4 MiB.
OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
_MODEL_NAME = re.compile(r"models/trial_\d+_\d+\.keras")

Header = dict[str, Any]
Files = dict[str, bytes]


def pack(header: Header, files: Files | None = None) -> bytes:
    """Returns a message."""
    files = files or {}
    sizes = [[name, len(data)] for name, data in files.items()]
    line = json.dumps(header | {"files": sizes}).encode() + b"\n"
    return b"".join([line, *files.values()])


def unpack(message: bytes) -> tuple[Header, Files]:
    """Returns header and files of a message.

    Raises:
        ValueError: for a message of another kind, or a file that is no model of a trial.
    """
    line, _, rest = message.partition(b"\n")
    header = json.loads(line)
    files, start = {}, 0
    for name, size in header.pop("files"):
        if not _MODEL_NAME.fullmatch(name):
            raise ValueError(f"a file must be a model of a trial. Received: {name!r}.")
        files[name] = rest[start : start + size]
        start += size
    if start != len(rest):
        raise ValueError(f"the files must have {start} bytes. Received: {len(rest)}.")
    return header, files


def versions() -> dict[str, str]:
    """Returns the versions that chief and workers must share."""
    found = {}
    for name in ("keras-autoencoder-zoo", "keras", "keras-tuner"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout
            found[name] = "unknown"
    import tensorflow as tf

    return found | {"tensorflow": tf.__version__}


def with_tuples(value: Any) -> Any:
    """Returns plain data in which JSON keeps tuples apart from lists; `restored` undoes it."""
    if isinstance(value, tuple):
        return {"tuple": [with_tuples(each) for each in value]}
    if isinstance(value, list):
        return [with_tuples(each) for each in value]
    if isinstance(value, dict):
        return {"dict": {key: with_tuples(each) for key, each in value.items()}}
    return value


def restored(value: Any) -> Any:
    if isinstance(value, list):
        return [restored(each) for each in value]
    if isinstance(value, dict):
        if "tuple" in value:
            return tuple(restored(each) for each in value["tuple"])
        return {key: restored(each) for key, each in value["dict"].items()}
    return value


def add_service(server, answer: Callable[[str, Header, Files], bytes]) -> None:
    """Adds the service to a gRPC server; `answer` takes the name of a method and a message."""
    import grpc

    def handler(method: str):
        def respond(message: bytes, context) -> bytes:
            try:
                header, files = unpack(message)
            except (ValueError, TypeError, KeyError) as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return answer(method, header, files)

        return grpc.unary_unary_rpc_method_handler(respond)

    handlers = {method: handler(method) for method in METHODS}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])


def call(channel, method: str, header: Header, files: Files | None = None, *, timeout: float):
    """Calls a method of the chief and returns header and files of its answer."""
    found = channel.unary_unary(f"/{SERVICE}/{method}")(
        pack(header, files), timeout=timeout, wait_for_ready=True
    )
    return unpack(found)
