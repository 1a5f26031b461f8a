"""Rules on layers: do their weights change, do gradients reach them, are their units alive."""

import math

from zoo.diagnostics.recording import Finding, Recording, named, percent

UNCHANGED = 1e-7  # relative change of weights
BARELY_CHANGED = 1e-3
EXPLODED = 100.0
VANISHED = 1e-5  # relative gradient, against the largest of all layers
DEAD_WARNING, DEAD_NOTE = 0.75, 0.25  # share of a layer's units


def findings(recording: Recording) -> list[Finding]:
    """Applies the rules on layers."""
    return [*_changes(recording), *_gradients(recording), *_dead_units(recording)]


def _changes(recording: Recording) -> list[Finding]:
    frozen = list(recording.frozen_layers)
    changes = {
        layer: change
        for layer, change in recording.trained.layer_changes.items()
        if layer not in recording.frozen_layers
    }
    findings = []
    if frozen:
        text = f"{len(frozen)} layers are frozen and keep their first weights: {named(frozen)}"
        if len(frozen) == 1:
            text = f"the layer {frozen[0]!r} is frozen and keeps its first weights: change 0"
        remedy = "set trainable=True before compile, unless that is meant"
        findings.append(Finding("layer_frozen", "warning", frozen[0], len(frozen), text, remedy))
    if not changes:
        return findings
    largest = max(changes.values())
    remedy = recording.higher_rate("check that the loss depends on the weights")
    if largest < UNCHANGED:
        text = (
            f"no weight of the {len(changes)} layers changed: the largest change is {largest:.1g}"
        )
        return [*findings, Finding("weights_unchanged", "error", None, largest, text, remedy)]
    if largest < BARELY_CHANGED:
        text = f"the weights changed by at most {percent(largest)} of their size"
        findings.append(Finding("weights_barely_changed", "warning", None, largest, text, remedy))
    still = [layer for layer, change in changes.items() if change < UNCHANGED]
    if still:
        count = f"{len(still)} of {len(changes)} layers"
        text = f"the weights of {count} did not change: {named(still)}"
        remedy = "check that the loss depends on them, and that their units are not all dead"
        findings.append(Finding("layer_unchanged", "warning", still[0], len(still), text, remedy))
    exploded = [layer for layer, change in changes.items() if change > EXPLODED]
    if exploded:
        worst = max(exploded, key=changes.get)
        text = f"the weights of {worst!r} changed by {changes[worst]:.3g} times their size"
        if len(exploded) > 1:
            text += f"; {len(exploded)} layers changed by more than {EXPLODED:.0f} times"
        remedy = recording.lower_rate()
        findings.append(Finding("weights_exploded", "warning", worst, changes[worst], text, remedy))
    return findings


def _gradients(recording: Recording) -> list[Finding]:
    """Reports layers whose gradient vanished in every probe.

    At the end of a good training all gradients are small, and about equally so.
    """
    best: dict[str, float] = {}
    measured = 0
    for probe in recording.probes:
        gradients = {k: v for k, v in probe.relative_gradients.items() if math.isfinite(v)}
        largest = max(gradients.values(), default=0.0)
        if not gradients:
            continue
        measured += 1
        for layer, gradient in gradients.items():
            share = gradient / largest if largest > 0 else 0.0
            best[layer] = max(best.get(layer, 0.0), share)
    if not measured:
        return []
    if not any(best.values()):
        text = f"the gradient is 0 in all {len(best)} layers"
        remedy = "check that the loss depends on the weights, and that outputs are not saturated"
        return [Finding("vanishing_gradients", "error", None, 0.0, text, remedy)]
    vanished = sorted((layer for layer in best if best[layer] < VANISHED), key=best.get)
    if not vanished:
        return []
    worst = vanished[0]
    text = (
        f"the gradient of {worst!r} is {best[worst]:.1g} of that of the layer with the largest "
        "one, each relative to its weights"
    )
    if len(vanished) > 1:
        text += f"; so small in {len(vanished)} of {len(best)} layers: {named(vanished)}"
    remedy = "use relu activations, normalization, skip connections or fewer layers"
    return [Finding("vanishing_gradients", "warning", worst, best[worst], text, remedy)]


def _dead_units(recording: Recording) -> list[Finding]:
    findings = []
    for layer, share in recording.trained.dead_shares.items():
        if share < DEAD_NOTE:
            continue
        before = recording.untrained.dead_shares.get(layer, 0.0)
        text = (
            f"{percent(share)} of the units of {layer!r} are dead: no probe image activates them "
            f"({percent(before)} before training)"
        )
        severity = "error" if share == 1 else "warning" if share >= DEAD_WARNING else "note"
        remedy = f"{recording.lower_rate()}, or use leaky_relu or normalization"
        if severity == "note":
            remedy = "fewer units would do"
        findings.append(Finding("dead_units", severity, layer, share, text, remedy))
    return findings
