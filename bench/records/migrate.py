"""Records of version 1, which were flat, as records of version 2. Goes with the next version."""

import json
from collections.abc import Mapping
from typing import Any

from bench.records import schema
from bench.records.metrics import METRICS, PREFIX

OLD_VERSION = 1
# What has another name now: the words of the field, and `config`, which is that of the run.
RENAMED = {
    "case_id": "job_id",
    "code_size": "latent_size",
    "config": "model_config",
    "health": "diagnostics",
}


def migrated(old: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the line of version 2 for one of version 1; no value is lost or changed.

    Metrics are taken to be of the first version of their definition, whatever that of today is.
    """
    fields = {RENAMED.get(name, name): value for name, value in old.items()}
    del fields["schema_version"]
    known = {name: value for name, value in fields.items() if value is not None}
    odd = {name: known.pop(name) for name in list(known) if _is_no_number(name, known[name])}
    record = schema.from_fields(known)
    record.quality.versions = dict.fromkeys(record.quality.metrics, 1)
    record.quality.metrics |= {name.removeprefix(PREFIX): value for name, value in odd.items()}
    return record.to_json()


def _is_no_number(name: str, value: Any) -> bool:
    """Tells whether a damaged line has something else in the place of a metric's number."""
    return name.removeprefix(PREFIX) in METRICS and not isinstance(value, int | float)


def migrated_text(text: str) -> tuple[str, int]:
    """Returns the content of a record file in version 2, and how many lines were of version 1.

    Lines that are no records of version 1 stay as they are, byte for byte.
    """
    lines, count = [], 0
    for line in text.splitlines(keepends=True):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        is_old = isinstance(record, dict) and record.get("schema_version") == OLD_VERSION
        if is_old and "case_id" in record:
            count += 1
            line = json.dumps(migrated(record), allow_nan=False) + "\n"
        lines.append(line)
    return "".join(lines), count
