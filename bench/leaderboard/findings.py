"""What was found wrong with the trainings of a row: each finding once, with its seeds."""

from typing import Any

from bench.leaderboard.rows import Row

SEVERITIES = ("error", "warning", "note")


def merged_findings(row: Row) -> list[dict[str, Any]] | None:
    """Returns what the diagnosis found in any seed, each once, with the seeds it was found in.

    None where no record of the row was diagnosed.
    """
    checked = [record for record in row.records if record.training.diagnostics is not None]
    if not checked:
        return None
    by_key: dict[tuple[Any, Any], dict[str, Any]] = {}
    for record in checked:
        listed = record.training.diagnostics.get("findings")
        for finding in listed if isinstance(listed, list) else []:
            if isinstance(finding, dict):
                key = (str(finding.get("code")), str(finding.get("layer")))
                merged = by_key.setdefault(key, {**finding, "seeds": []})
                merged["seeds"].append(record.seed)
    for merged in by_key.values():
        merged["in_all"] = len(merged["seeds"]) == len(checked)
    return list(by_key.values())


def seeds_of(finding: dict[str, Any]) -> str:
    """Returns the seeds of a merged finding in brackets; empty where it was found in all."""
    return "" if finding["in_all"] else f" (seed {', '.join(map(str, finding['seeds']))})"
