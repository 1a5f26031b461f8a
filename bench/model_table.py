"""The README's table of models: generated from committed records, never typed."""

from pathlib import Path
from typing import Any

from bench import leaderboard, records
from bench.errors import BenchError

BEGIN, END = "<!-- models: generated -->", "<!-- end of models -->"


def markdown(found: list[dict[str, Any]], entries: list[Any]) -> str:
    """Returns a table with a row per registered model, and the baselines below.

    Args:
        found: Records of one data set and budget.
        entries: `zoo.registry.Entry` of each model.

    Raises:
        BenchError: if a model has no finished record.
    """
    rows = [row for row in leaderboard.rows(found) if not row.failed]
    lines = [
        "| model | what it does | paper | preset | parameters | test MSE | PSNR (dB) "
        "| training images/s |",
        "| --- | --- | --- | --- | --: | --: | --: | --: |",
    ]
    for entry in entries:
        own = [row for row in rows if row["kind"] == "model" and row["model"] == entry.name]
        if not own:
            raise BenchError(
                f"no finished record of {entry.name!r}. "
                'Make one: python -m bench run --models "*" --output RESULTS'
            )
        for row in own:
            about = [f"`{entry.name}`", entry.summary.rstrip("."), f"[paper]({entry.paper})"]
            lines.append(_line([*about, f"`{row['preset']}`", *_numbers(row)]))
    for row in rows:
        if row["kind"] == "baseline":
            name = f"{row['model']}-{row['code_size']}" if row["code_size"] else row["model"]
            lines.append(_line([name, "Baseline in closed form", "", "", *_numbers(row)]))
    return "\n".join(lines)


def _numbers(row: leaderboard.Row) -> list[str]:
    speed = next(
        (r["train_images_per_second"] for r in row.records if r["train_images_per_second"]), None
    )
    return [
        f"{row['params_total']:,}",
        _with_half_width(row.quality["mse"], ".4f"),
        _with_half_width(row.quality["psnr"], ".1f"),
        "" if speed is None else f"{speed:,.0f}",
    ]


def _with_half_width(interval, form: str) -> str:
    half = leaderboard.half_width(interval)
    return format(interval.mean, form) + ("" if half is None else f" ± {half:{form}}")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def update(readme: Path, source: Path) -> bool:
    """Writes the table between the README's marks.

    Args:
        readme: File that holds the two marks.
        source: Record file.

    Returns:
        Whether the file changed.
    """
    import zoo

    found, _ = records.read(source)
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise BenchError(f"{readme}: must hold the lines {BEGIN} and {END}.")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    table = markdown(found, [zoo.get(name) for name in zoo.names()])
    new = f"{before}{BEGIN}\n{table}\n{END}{after}"
    if new != text:
        records.write_whole(readme, new.encode())
    return new != text
