"""What commands say of records that they cannot read: all alike, in one line each."""

import json

import pytest

from bench import __main__ as command_line
from bench.errors import BenchError
from bench.records import reading, schema, store

GOOD = schema.from_fields(
    {"job_id": "a", "status": "ok", "kind": "model", "model": "vae", "test_mse": 0.5, "seed": 0}
).to_json()
LATER = GOOD | {"schema_version": 3}


@pytest.fixture
def run_of(tmp_path):
    """Returns a function from lines to a folder whose record file has them."""

    def make(*lines):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
        (folder / store.FILE_NAME).write_text("\n".join(texts) + "\n" * bool(texts))
        return folder

    return make


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (("bad",), "line 2: cut off or not JSON; left out."),
        (("bad", '{"job'), "lines 2-3: cut off or not JSON; left out."),
        (("bad", GOOD, "bad", "bad"), "lines 2, 4-5: cut off or not JSON; left out."),
        ((LATER,) * 400, "lines 2-401: schema_version 3 is not 2; left out."),
    ],
)
def test_what_is_left_out_is_told_once_with_the_numbers_of_its_lines(run_of, bad, where):
    told = []
    folder = run_of(GOOD, *bad)
    _, warnings = reading.read(folder, told.append)
    assert told == [f"{folder / store.FILE_NAME} {where}"]
    assert warnings == store.read(folder)[1] == [f"{store.FILE_NAME} {where}"]


def test_of_many_lines_apart_and_of_many_reasons_the_first_are_told(run_of):
    told = []
    reading.read(run_of(GOOD, *["bad", GOOD] * 12), told.append)
    assert told[0].endswith(
        "lines 2, 4, 6, 8, 10, 12, 14, 16 and 4 more: cut off or not JSON; left out."
    )
    versions = [GOOD | {"schema_version": number} for number in range(3, 18)]
    reading.read(run_of(GOOD, *versions), told.append)
    assert len(told) == 1 + 10 + 1
    assert told[-1].endswith(": 5 more of this kind.")


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ((), ", which is empty. Make"),
        ((LATER, LATER), ": schema_version 3 is not 2 (lines 1-2). Make"),
        (
            ("bad", LATER, LATER, "[]", "{}"),
            ": schema_version 3 is not 2 (lines 2-3), cut off or not JSON (line 1), and 2 other "
            "reasons. Make",
        ),
    ],
)
def test_a_file_without_a_record_says_why(run_of, lines, reasons):
    folder = run_of(*lines)
    with pytest.raises(BenchError) as error:
        reading.read(folder)
    assert f"no readable record in {folder / store.FILE_NAME}{reasons}" in str(error.value)


COMMANDS = {
    "report": "report {folder}",
    "rank": "rank {folder}",
    "pack": "pack {folder} --output {folder}",
    "docs": "docs {folder}/page.md",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_reads_records_says_the_same(run_of, name, capsys):
    def told(*lines):
        folder = run_of(*lines)
        file = folder / store.FILE_NAME
        (folder / "page.md").write_text(f"<!-- results: {file} mse -->\n<!-- end of results -->\n")
        code = command_line.main(COMMANDS[name].format(folder=folder).split())
        return code, capsys.readouterr().err, file

    _, error, file = told(GOOD, "bad", "bad")
    assert error.startswith(f"warning: {file} lines 2-3: cut off or not JSON; left out.\n")
    code, error, file = told(LATER)
    assert code == 2
    assert f"no readable record in {file}: schema_version 3 is not 2 (line 1). Make" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["report", "rank", "pack"])
def test_the_record_file_stands_for_its_folder(run_of, name, capsys):
    words = COMMANDS[name].format(folder=run_of(GOOD)).split()
    by_folder = command_line.main(words), capsys.readouterr()
    words[1] += f"/{store.FILE_NAME}"
    assert (command_line.main(words), capsys.readouterr()) == by_folder


@pytest.mark.parametrize("name", ["report", "pack"])
def test_another_file_in_place_of_a_folder_is_refused(tmp_path, name, capsys):
    (tmp_path / "page.html").write_text("")
    assert command_line.main([name, str(tmp_path / "page.html")]) == 2
    assert "error: the folder of a run is wanted, with records.jsonl" in capsys.readouterr().err
