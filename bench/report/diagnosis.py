"""The table of what was found wrong with trainings, in Markdown."""

from collections.abc import Sequence

from bench.leaderboard.findings import SEVERITIES, merged_findings, seeds_of
from bench.leaderboard.rows import Row
from bench.report.markdown import table

HEADS = (
    *("model", "seeds", "does the loss move?", "do the weights change?"),
    *("is anything reconstructed?", "what the diagnosis says"),
)
# A model explains something where it does better than the mean image by more than this share.
_SOMETHING = 0.05
_MOST_FINDINGS = 3


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
    lines = [
        [
            row.name,
            str(row.num_seeds),
            _loss(row),
            _weights(row),
            _explained(row, mean_image),
            _findings(row).replace("|", "/"),
        ]
        for row in rows
        if not row.baseline
    ]
    return table(HEADS, lines, [head == "seeds" for head in HEADS])


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
