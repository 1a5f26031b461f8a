"""Gives cases to an engine, keeps their records and shows how far they are."""

import collections
import contextlib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.execution.engine import Engine
from bench.leaderboard import time_to_quality
from bench.records import store
from bench.runs.job import Job


class Runner:
    """Runs cases that are not finished yet, and is the only one that writes records.

    Args:
        engine: See `bench.execution.engine`.
        output: Folder of the records.
        fresh: Whether cases that are finished run again.
        stamp: Fields that each record gets.

    Attributes:
        num_run: Cases that ran now; `num_kept` were finished before.
    """

    def __init__(
        self,
        engine: Engine,
        output: Path,
        console: Console,
        *,
        fresh: bool = False,
        stamp: dict[str, Any] | None = None,
    ):
        self.engine = engine
        self.output = output
        self.console = console
        self.stamp = stamp or {}
        self.num_run = self.num_kept = 0
        self.latest = {} if fresh else self._read()
        self._counted: set[str] = set()  # cases that ran now or are counted as kept

    def _read(self) -> dict[str, dict[str, Any]]:
        if not (self.output / store.FILE_NAME).exists():
            return {}
        found, warnings = store.read(self.output)
        for warning in warnings:
            self.console.print(f"[yellow]warning:[/] {escape(warning)}")
        return {record["case_id"]: record for record in store.latest(found)}

    def found(self, wanted: list[Job]) -> list[dict[str, Any]]:
        """Returns the records of cases that have one, each once."""
        by_id = {case.id: None for case in wanted if case.id in self.latest}
        return [self.latest[case_id] for case_id in by_id]

    def run_all(self, wanted: list[Job], target: float | None = None) -> None:
        """Runs the cases that are not finished; a failed one is tried again.

        Args:
            target: Value of the validation metric that the time to reach is asked for.
        """
        done = [case for case in wanted if self.latest.get(case.id, {}).get("status") == "ok"]
        waiting = collections.deque(case for case in wanted if case not in done)
        kept = [case for case in done if case.id not in self._counted]
        self.num_kept += len(kept)
        self._counted.update(case.id for case in wanted)
        if kept:
            self.console.print(
                f"{len(kept)} of {len(wanted)} cases are finished already and kept "
                "(--fresh runs them again)"
            )
        for case in done:
            self._ask_for(target, case)
        if not waiting:
            return
        with self._progress() as progress:
            total = progress.add_task("all cases", total=len(wanted), completed=len(done), info="")
            bars: dict[Job, Any] = {}
            while waiting or self.engine.num_running:
                while waiting and self.engine.has_room:
                    case = waiting.popleft()
                    epochs = case.plan.epochs if case.kind == "model" else 1
                    title = f"{case.title} seed {case.seed}"
                    bars[case] = progress.add_task(title, total=epochs, info="starting")
                    self.engine.start(case)
                for case, kind, content in self.engine.messages():
                    self._take(case, kind, content, progress, bars[case], target)
                    if kind == "record":
                        progress.remove_task(bars.pop(case))
                        progress.advance(total)

    def _take(
        self, case: Job, kind: str, content: tuple, progress: Progress, bar, target: float | None
    ) -> None:
        if kind == "stage":
            progress.update(bar, info=content[0])
        elif kind == "epoch":
            info = f"validation loss {content[1].get('val_loss', float('nan')):.4g}"
            progress.update(bar, completed=content[0], info=info)
        elif kind == "trace":
            self._keep_trace(case, content[0])
        elif kind == "record":
            record = content[0] | self.stamp
            record |= time_to_quality.reached(record, target)
            self._append(case, record)
            self.num_run += 1
            progress.console.print(result_line(case, record))

    def _append(self, case: Job, record: dict[str, Any]) -> None:
        store.append(self.output / store.FILE_NAME, record)
        self.latest[case.id] = dict.fromkeys(store.RECORD_FIELDS) | record

    def _ask_for(self, target: float | None, case: Job) -> None:
        """Writes a kept record again where another target is asked for than it tells of."""
        record = self.latest[case.id]
        if target is not None and record["quality_curve"] and record["target"] != target:
            self._append(case, record | time_to_quality.reached(record, target))

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description:28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[info]}"),
            console=self.console,
            transient=True,
            refresh_per_second=4,
        )

    def _keep_trace(self, case: Job, trace: str) -> None:
        """Keeps the stack trace of a failed case in a file, for who wants to look."""
        with contextlib.suppress(OSError):
            (self.output / "traces").mkdir(exist_ok=True)
            (self.output / "traces" / f"{case.id}.txt").write_text(trace)


def result_line(case: Job, record: dict[str, Any]) -> str:
    """Returns what is said of a case at its end, in the markup of rich."""
    title = f"{escape(case.title)} seed {case.seed}"
    if record["status"] != "ok":
        return f"[red]failed[/] {title}: {escape(record['error'])}"
    seconds = record.get("train_seconds")
    trained = f", trained in {seconds:.1f} s" if seconds else ""
    if record.get("test_auroc") is not None:
        quality = f"AUROC {record['test_auroc']:.4f}"
    elif record.get("test_iou_image") is not None:
        quality = f"IoU {record['test_iou_image']:.4f}"
    else:
        quality = f"MSE {record['test_mse']:.5f}"
    if record.get("test_accuracy") is not None:
        quality += f", accuracy {record['test_accuracy']:.3f}"
    if record.get("normal_class_name") is not None:
        quality += f", normal: {escape(record['normal_class_name'])}"
    return f"[green]done[/]   {title}: {quality}{trained}"
