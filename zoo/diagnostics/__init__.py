"""Diagnosis of a training: what is recorded, and the rules that turn it into sentences.

`probe` measures a model on a few images; `curves`, `layers` and `outputs` hold the rules, which
are arithmetic on what was recorded. `zoo.callbacks.HealthCheck` does all of it during `fit`.
"""

import dataclasses

from zoo.diagnostics import curves, layers, outputs
from zoo.diagnostics.recording import SEVERITIES, Finding, Probe, Recording

# What more epochs may cure.
_MAY_PASS = ("predictions_constant", "posterior_collapse", "code_collapse")
# What follows from targets that are all the same.
_EFFECTS = ("layer_unchanged", "vanishing_gradients", "dead_units", *_MAY_PASS)

__all__ = ["SEVERITIES", "Finding", "Probe", "Recording", "diagnose"]


def diagnose(recording: Recording) -> list[Finding]:
    """Applies every rule to a recording.

    Args:
        recording: What was seen of one training, with two probes or more: before it and after.

    Returns:
        The findings, errors first. None where nothing has been recorded yet. Where the numbers
        broke down, that alone: nothing else can be said of such a model.
    """
    if len(recording.probes) < 2:
        return []
    findings = curves.breakdown(recording)
    if not findings:
        findings = [
            *curves.findings(recording),
            *outputs.findings(recording),
            *layers.findings(recording),
        ]
    codes = {finding.code for finding in findings}
    if "constant_target" in codes:
        findings = [finding for finding in findings if finding.code not in _EFFECTS]
    if "still_improving" in codes:
        findings = [_softened(finding) for finding in findings]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _softened(finding: Finding) -> Finding:
    """Makes an error of a training that is not over a warning."""
    if finding.severity != "error" or finding.code not in _MAY_PASS:
        return finding
    remedy = f"train longer, or {finding.remedy}"
    return dataclasses.replace(finding, severity="warning", remedy=remedy)
