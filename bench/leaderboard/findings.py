"""What was found wrong with the trainings of a row, in words: for the page and for the README."""

from collections.abc import Sequence
from typing import Any

from bench.leaderboard.rows import Row

SEVERITIES = ("error", "warning", "note")
HEADS = (
    *("model", "seeds", "does the loss move?", "do the weights change?"),
    *("is anything reconstructed?", "what the diagnosis says"),
)
# A model explains something where it does better than the mean image by more than this share.
_SOMETHING = 0.05
_MOST_FINDINGS = 3


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


def markdown(rows: Sequence[Row]) -> str:
    """Returns a Markdown table with the diagnosis of each model.

    - the loss: training loss of the first and of the last epoch, means over seeds;
    - the weights: `||w - w_0|| / ||w_0||` of the layer that changed least and most, in any seed;
    - what is reconstructed: `1 - MSE / MSE of the mean image` on the test images, the share of the
      variance that is explained;
    - findings: errors, warnings and notes, those of most seeds first, with the number of one seed.

    Args:
        rows: Of a reconstruction, the baseline `mean_image` among them.
    """
    mean_image = next(
        (row for row in rows if row.baseline and row.record.model.name == "mean_image"), None
    )
    lines = [_line(HEADS), _line(["---", "--:", *["---"] * (len(HEADS) - 2)])]
    for row in rows:
        if not row.baseline:
            about = (row.name, str(row.num_seeds), _loss(row), _weights(row))
            lines.append(_line([*about, _explained(row, mean_image), _findings(row)]))
    return "\n".join(lines)


def _explained(row: Row, mean_image: Row | None) -> str:
    if mean_image is None or "mse" not in row.quality or "mse" not in mean_image.quality:
        return "not known"
    share = 1 - row.quality["mse"].mean / mean_image.quality["mse"].mean
    error = f"MSE {row.quality['mse'].mean:.4f}"
    if share < -_SOMETHING:
        return f"no: worse than the mean image ({error})"
    if share < _SOMETHING:
        return f"no: no more than the mean image ({error})"
    return f"yes: {share:.0%} of the variance ({error})"


def _loss(row: Row) -> str:
    curves = [(record.training.history or {}).get("loss") or [] for record in row.records]
    curves = [curve for curve in curves if len(curve) > 1]
    if not curves:
        return "not known"
    first, last = (sum(curve[place] for curve in curves) / len(curves) for place in (0, -1))
    change = (last - first) / abs(first) if first else 0.0
    word = "yes" if abs(change) >= 0.01 else "no"
    return f"{word}: {first:.4g} to {last:.4g} ({change:+.0%})"


def _weights(row: Row) -> str:
    changes = [
        change
        for record in row.records
        for change in ((record.training.diagnostics or {}).get("layer_changes") or {}).values()
        if change is not None
    ]
    if not changes:
        return "not known"
    word = "no" if max(changes) == 0 else "yes" if min(changes) > 0 else "in part"
    return f"{word}: by {min(changes):.0%} to {max(changes):.0%}"


def _findings(row: Row) -> str:
    findings = merged_findings(row)
    if findings is None:
        return "not known"
    findings = [finding for finding in findings if finding.get("severity") in SEVERITIES]
    if not findings:
        return "nothing found"
    findings.sort(key=lambda f: (SEVERITIES.index(f["severity"]), -len(f["seeds"])))
    shown = []
    for finding in findings[:_MOST_FINDINGS]:
        layer = finding.get("layer")
        layer = f"`{layer}`: " if layer and layer not in finding["text"] else ""
        shown.append(f"{layer}{finding['text']}{seeds_of(finding)}")
    more = len(findings) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
