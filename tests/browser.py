"""Pages in a real browser: a script in a copy of each looks and clicks, and tells what it saw.

All pages of a call are frames of one window, so that one start of the browser does for many. A
frame can be as narrow as a phone, which a window cannot. The window sends what the scripts found
to a server of this process, however long the browser takes.
"""

import contextlib
import dataclasses
import functools
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
needs_browser = pytest.mark.skipif(PROGRAM is None, reason="no chromium or google-chrome on PATH")
DARK = ("--blink-settings=preferredColorScheme=0", "--force-dark-mode")
_PATIENCE_SECONDS = 120
_BEFORE = """<script>
window.found = {errors: []};
addEventListener('error', event => found.errors.push(String(event.message)), true);
addEventListener('unhandledrejection', event => {
  found.errors.push(String(event.reason)); tell();
});
addEventListener('securitypolicyviolation', event => found.errors.push(event.blockedURI));
</script>"""
_AFTER = """<script>
const tell = () => parent.postMessage({{number: {number}, found}}, '*');
addEventListener('load', async () => {{
{script}
  tell();
}})</script>"""
_WINDOW = """<body style="margin:0">{frames}<script>
const outcomes = [];
addEventListener('message', event => {{
  outcomes.push(event.data);
  if (outcomes.length === {num})
    fetch('/outcome', {{method: 'POST', body: JSON.stringify(outcomes)}});
}})</script>"""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A page and the width that it is shown with, in pixels."""

    page: str
    width: int


def look(
    folder: Path, frames: Sequence[Frame], script: str, *flags: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Opens pages, runs a script in each, and returns what it found and what the console said.

    Args:
        folder: Where the copies of the pages and the browser's profile are put.
        frames: The pages.
        script: JavaScript, which puts into the object `found`; it may `await`.
        flags: Of the browser.

    Returns:
        `found` of each frame, in their order, and the lines of the console.
    """
    folder.mkdir(exist_ok=True)
    shown = []
    for number, frame in enumerate(frames):
        after = _AFTER.format(script=script, number=number)
        text = frame.page.replace("<title>", f"{_BEFORE}<title>", 1)
        (folder / f"{number}.html").write_text(text.replace("</body>", f"{after}</body>"))
        shown.append(
            f'<iframe src="{number}.html" width="{frame.width}" height="900" style="border:0">'
            "</iframe>"
        )
    window = _WINDOW.format(frames="".join(shown), num=len(frames))
    (folder / "window.html").write_text(window)
    with _served(folder) as (address, outcomes):
        command = [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--enable-logging=stderr", "--window-size=1300,900"]
        command += [f"--user-data-dir={folder}/profile", *flags, f"{address}/window.html"]
        started = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=(log := (folder / "log.txt").open("w")),
            env={**os.environ, "HOME": str(folder)},
        )
        try:
            outcome = outcomes.get(timeout=_PATIENCE_SECONDS)
        finally:
            started.terminate()
            started.wait()
            log.close()
    by_number = {each["number"]: each["found"] for each in json.loads(outcome)}
    said = re.findall(r".*:CONSOLE.*", (folder / "log.txt").read_text(errors="replace"))
    return [by_number[number] for number in range(len(frames))], said


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[tuple[str, "queue.Queue[bytes]"]]:
    """Serves a folder on this machine; gives its address, and what is posted to it."""
    outcomes: queue.Queue[bytes] = queue.Queue()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/favicon.ico":
                self.send_response(204)
                self.end_headers()
            else:
                super().do_GET()

        def do_POST(self) -> None:
            outcomes.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    make = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), make) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", outcomes
        finally:
            server.shutdown()
