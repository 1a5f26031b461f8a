"""Which trainings of a run are packed: of each model the seed with the least validation loss."""

import dataclasses
import fnmatch
import math
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.leaderboard import rows as leaderboard_rows
from bench.leaderboard.rows import Row
from bench.records import reading, rerun, store
from bench.records.schema import Record


@dataclasses.dataclass(frozen=True)
class Choice:
    """A training that is packed.

    Attributes:
        name: Of the weights, such as `fashion_mnist/vae`.
        record: Of the training.
        folder: Of its run.
        row: All trainings of this configuration, whose intervals are over seeds.
        others: All records of the run, of which the floors are taken.
    """

    name: str
    record: Record
    folder: Path
    row: Row
    others: tuple[Record, ...]

    @property
    def model_file(self) -> Path:
        return self.folder / self.record.artifacts.model


def choose(folders: Sequence[Path], patterns: Sequence[str] | None = None) -> list[Choice]:
    """Chooses the trainings of the runs that are packed.

    Args:
        folders: Of the runs, whose models were kept.
        patterns: Wildcards over models; None: all.

    Raises:
        BenchError: for a run without kept models, a pattern that none matches, or two
            configurations of one model, whose weights would have one name.
    """
    chosen: dict[str, Choice] = {}
    folders = [reading.folder_of(folder) for folder in folders]
    for folder in folders:
        records = store.latest(reading.read(folder)[0])
        rows = [row for row in leaderboard_rows.rows(records) if not (row.failed or row.baseline)]
        kept = [(row, best) for row in rows if (best := _best(row, folder)) is not None]
        if not kept:
            raise BenchError(
                f"{folder} keeps no trained models. Run it again with --keep-models: only the jobs "
                "without a file train again."
            )
        for row, record in kept:
            if patterns and not any(fnmatch.fnmatch(record.model.name, each) for each in patterns):
                continue
            name = f"{record.data.name}/{record.model.name}"
            if name in chosen:
                both = [rerun.model_text(each) for each in (chosen[name].record, record)]
                raise BenchError(
                    f"{name} would be the name of two: {both[0]} in {chosen[name].folder} and "
                    f"{both[1]} in {folder}. Choose by --models, or run them into two folders and "
                    "pack one."
                )
            chosen[name] = Choice(name, record, Path(folder), row, tuple(records))
    if not chosen:
        raise BenchError(
            f"no model that was kept matches {', '.join(patterns or ())}. See "
            f"{folders[0]}/{store.FILE_NAME}."
        )
    return [chosen[name] for name in sorted(chosen)]


def _best(row: Row, folder: Path) -> Record | None:
    """Returns the record with the least validation loss among those whose model is kept.

    The test split has no say in it.
    """
    kept = [
        record
        for record in row.records
        if record.is_ok
        and record.artifacts.model
        and (Path(folder) / record.artifacts.model).is_file()
        and record.training.val_loss is not None
        and math.isfinite(record.training.val_loss)
    ]
    return min(kept, key=lambda record: (record.training.val_loss, record.seed), default=None)
