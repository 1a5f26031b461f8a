"""A script that starts jobs without the guard is told so, before a process imports it."""

import subprocess
import sys

import pytest

CALL = "processes.forkserver(())"


@pytest.mark.parametrize(
    ("lines", "is_refused"),
    [
        ([CALL], True),
        (["def main():", f"    {CALL}", "main()"], True),
        (["if 1:", f"    {CALL}"], True),
        (["if __name__ == '__main__':", f"    {CALL}"], False),
        (["def main():", f"    {CALL}", "if __name__ == '__main__':", "    main()"], False),
    ],
)
def test_a_script_needs_the_guard(tmp_path, lines, is_refused):
    script = tmp_path / "mine.py"
    script.write_text("\n".join(["from bench.execution import processes", *lines]))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode != 0) == is_refused, done.stderr
    if is_refused:
        last = done.stderr.strip().splitlines()[-1]
        assert "mine.py must start runs under `if __name__ ==" in last
        assert f"a call at line {len(lines) + 1}." in last
