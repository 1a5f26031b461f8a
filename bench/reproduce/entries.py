"""The list of published numbers, `published.yaml`: read and checked."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError

PATH = Path(__file__).with_name("published.yaml")
_RECIPE = (
    *("dataset", "prepare", "model", "arguments", "epochs", "batch_size", "learning_rate"),
    *("noise", "resize", "normal_class", "num_labels", "measure", "limit", "seeds"),
)
_SHARED = {"id", "source", "why_not", "what", "place"}
_KEYS = {
    "counts": {*_SHARED, "model", "arguments", "part", "published", "stated"},
    "trainings": {
        *(*_SHARED, "published", "tolerance", "differs", "recipe", "metric", "quick"),
    },
}
_WITHIN = {
    "published": ("value", "spread", "text"),
    "tolerance": ("value", "reason"),
    "recipe": _RECIPE,
    "metric": ("field", "factor", "offset"),
}
_OWNER = {"encoder": "its encoder", "decoder": "its decoder", "quantizer": "its codebook"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A published number and how to get it here.

    Attributes:
        id: Name on the command line.
        what: The model and the quantity, with its unit.
        source: Name of the paper or page, `url`, and the `place` in it.
        exactness: `"exact"` for counts that follow from the layers, `"verified"` for numbers that
            were read in their source.
        published: The value; `spread`: half the range of several runs, or the source's own ±, or
            None; `text`: how it is shown.
        tolerance: Distance from the published value that still agrees, and its `reason`.
        differs: What of our recipe is not as published.
        recipe: Keys of `bench.runs.request.Request`, `prepare`, `normal_class`; of counts
            `model` and `part`. Empty where there is none here, and `why_not` tells the reason.
        field: Record field, dotted; the number is `offset + factor * field`.
        data: Name of the data set, or None; `data_files` and `data_folder`: what to put where.
        quick: Minutes on two cores, with data that Debian packages.
        is_count: Whether it is a number of parameters, found without training.
    """

    id: str
    what: str
    source: str
    url: str
    place: str
    exactness: str
    published: float
    spread: float | None
    text: str
    tolerance: float
    reason: str
    differs: str = ""
    recipe: dict[str, Any] = dataclasses.field(default_factory=dict)
    field: str = ""
    factor: float = 1.0
    offset: float = 0.0
    data: str | None = None
    data_files: str = ""
    data_folder: str = ""
    quick: bool = False
    is_count: bool = False
    why_not: str = ""

    @property
    def model(self) -> str:
        """The model as the command line writes it: `vae:small:beta=4`."""
        given = (self.recipe.get("arguments") or {}).items()
        return ":".join(
            filter(None, [self.recipe["model"], ",".join(f"{k}={as_tuple(v)!r}" for k, v in given)])
        )

    @property
    def needed(self) -> str:
        """What to put where; empty for what needs no files."""
        if not self.data_files:
            return ""
        return f"put {self.data_files} into {self.data_folder}/, and set ZOO_DATA_DIR to its parent"


def read(path: Path = PATH) -> list[Entry]:
    """Reads a list of published numbers, counts first.

    Raises:
        BenchError: for a missing file, an unknown or missing key, or an id that is there twice.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: is not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(found, dict):
        raise BenchError(f"{path}: must hold sources, data, counts and trainings.")
    entries: dict[str, Entry] = {}
    for section, to_entry in (("counts", _count), ("trainings", _training)):
        for written in found.get(section) or []:
            entry = _entry(path, section, to_entry, written, found)
            if entry.id in entries:
                raise BenchError(f"{path}: {entry.id} is there twice. Rename one.")
            entries[entry.id] = entry
    return list(entries.values())


def choose(entries: Sequence[Entry], only: Sequence[str] | None, quick: bool) -> list[Entry]:
    """Returns the entries of these ids, which may be wildcards, and of those the quick ones.

    Raises:
        BenchError: for an id that matches nothing, or where nothing is left.
    """
    from zoo import checks

    chosen = list(entries)
    if only is not None:
        ids = [entry.id for entry in entries]
        for pattern in only:
            if not fnmatch.filter(ids, pattern):
                raise BenchError(
                    f"no entry matches {pattern!r}.{checks.suggestion(pattern, ids)} "
                    "See: python -m bench reproduce --list"
                )
        chosen = [e for e in entries if any(fnmatch.fnmatch(e.id, p) for p in only)]
    if quick:
        chosen = [entry for entry in chosen if entry.quick]
        if not chosen:
            raise BenchError("none of these entries is quick. Leave out --quick.")
    return chosen


def _entry(path: Path, section: str, to_entry, written: dict[str, Any], found) -> Entry:
    name = written.get("id", "an entry without id") if isinstance(written, dict) else str(written)
    where = f"{path}: {name}"
    if not isinstance(written, dict) or "id" not in written:
        raise BenchError(f"{where}: must be keys with values, of which one is id.")
    if unknown := set(written) - _KEYS[section]:
        raise BenchError(f"{where}: unknown key {min(unknown)!r}.")
    try:
        source = found["sources"][written["source"]]
        return to_entry(written, source, found.get("data") or {})
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{where}: {type(error).__name__} of {error}. Complete it.") from error


def _count(written: dict[str, Any], source: dict[str, str], data) -> Entry:
    part = written.get("part")
    if ("model" in written) == ("why_not" in written):
        raise ValueError("either a model or why_not")
    recipe = {key: written[key] for key in ("model", "arguments", "part") if key in written}
    given = ", ".join(f"{name}={value}" for name, value in (written.get("arguments") or {}).items())
    model = " ".join(filter(None, [written.get("model"), given]))
    how = "printed there" if written["stated"] else "added up from the layers there"
    owner = f", {_OWNER[part]}" if part else ""
    return Entry(
        id=written["id"],
        what=written.get("what", f"parameters of {model}{owner}"),
        source=source["name"],
        url=source["url"],
        place=how,
        exactness="exact",
        published=int(written["published"]),
        spread=None,
        text=f"{written['published']:,}",
        tolerance=0.0,
        reason="a count",
        recipe=recipe,
        field="params_trainable",
        quick="model" in written,
        is_count=True,
        why_not=written.get("why_not", ""),
    )


def _training(written: dict[str, Any], source: dict[str, str], data) -> Entry:
    published, tolerance = written["published"], written["tolerance"]
    recipe = dict(written.get("recipe") or {})
    for name, allowed in _WITHIN.items():
        if unknown := set(written.get(name) or {}) - set(allowed):
            raise ValueError(f"{min(unknown)!r} in {name}, which is unknown")
    if bool(recipe) == bool(written.get("why_not")):
        raise ValueError("either a recipe or why_not")
    metric = written["metric"] if recipe else {}
    place = data.get(recipe.get("dataset"), {})
    return Entry(
        id=written["id"],
        what=written["what"],
        source=source["name"],
        url=source["url"],
        place=written["place"],
        exactness="verified",
        published=float(published["value"]),
        spread=None if published["spread"] is None else float(published["spread"]),
        text=str(published["text"]),
        tolerance=float(tolerance["value"]),
        reason=tolerance["reason"],
        differs=written.get("differs", ""),
        recipe=recipe,
        field=metric.get("field", ""),
        factor=float(metric.get("factor", 1)),
        offset=float(metric.get("offset", 0)),
        data=recipe.get("dataset"),
        data_files=place.get("files", ""),
        data_folder=place.get("folder", ""),
        quick=bool(written.get("quick", False)),
        why_not=written.get("why_not", ""),
    )


def as_tuple(value: Any) -> Any:
    """Returns lists as tuples, which the constructors and the command line take."""
    return tuple(as_tuple(item) for item in value) if isinstance(value, list) else value
