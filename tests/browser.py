"""A headless Chromium that a test drives over its DevTools protocol; nothing is downloaded for it."""

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
ANSWER_S = 60.0
_LOOK_UP_S = 0.3
_STILL_FOR = 4
"""So many pictures alike, one a second."""


def program() -> str | None:
    """Where this machine has one; None where it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._n_sent = 0
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to a command of the protocol."""
        self._n_sent += 1
        self._socket.send(json.dumps({"id": self._n_sent, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(ANSWER_S))
            if message.get("id") == self._n_sent:
                assert "error" not in message, f"{method}: {message['error']}"
                found: dict[str, Any] = message["result"]
                return found

    def open(self, url: str) -> None:
        """Goes there; the page before is gone then, also where it was the same."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def text(self) -> str:
        """What the page shows, on one line."""
        return " ".join(str(self.run("document.body ? document.body.innerText : ''")).split())

    def wait_for(self, pattern: str, seconds: float = 60.0) -> str:
        """Waits until the page shows a text, and gives what it shows."""
        until = time.monotonic() + seconds
        while not re.search(pattern, shown := self.text()):
            assert time.monotonic() < until, (
                f"wanted {pattern!r} on {self.run('location.href')}, got: {shown}"
            )
            time.sleep(_LOOK_UP_S)
        return shown

    def click(self, text: str, among: str = "button, a, li", seconds: float = 60.0) -> None:
        """Presses the first element with that text that a mouse would hit, once there is one."""
        find = f"""(() => {{
            for (const one of document.querySelectorAll({json.dumps(among)})) {{
                if (one.innerText.trim() !== {json.dumps(text)} || !one.getClientRects().length) continue;
                one.scrollIntoView({{block: "center"}});
                const at = one.getBoundingClientRect();
                const x = at.x + at.width / 2, y = at.y + at.height / 2;
                if (one.contains(document.elementFromPoint(x, y))) return [x, y];
            }}
            return null;
        }})()"""
        until = time.monotonic() + seconds
        while (at := self.run(find)) is None:
            assert time.monotonic() < until, f"wanted {text!r} to press, the page shows: {self.text()}"
            time.sleep(_LOOK_UP_S)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def scroll_to(self, text: str, among: str, seconds: float = 60.0) -> None:
        """Brings the first element with that text to the top: long lists are drawn where they are seen."""
        find = f"""(() => {{
            const named = one => one.innerText.trim() === {json.dumps(text)} && one.getClientRects().length;
            const found = [...document.querySelectorAll({json.dumps(among)})].find(named);
            if (found) found.scrollIntoView({{block: "start"}});
            return !!found;
        }})()"""
        until = time.monotonic() + seconds
        while not self.run(find):
            assert time.monotonic() < until, f"wanted {text!r} to scroll to, the page shows: {self.text()}"
            time.sleep(_LOOK_UP_S)

    def screenshot(self) -> bytes:
        """What the window shows, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def still(self, seconds: float = 30.0) -> bytes:
        """What the window shows when nothing has moved in it for a while, or after so long, as a PNG."""
        until, shown = time.monotonic() + seconds, [b""]
        while len(shown) < _STILL_FOR and time.monotonic() < until:
            time.sleep(1)
            now = self.screenshot()
            shown = [*shown, now] if now == shown[-1] else [now]
        return shown[-1]


@contextmanager
def opened(folder: Path, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A browser with one tab, which keeps what it writes in a folder."""
    found = program()
    assert found is not None, "no Chromium"
    log = folder / "chromium.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [
                found, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}",
                f"--window-size={width},{height}", "about:blank",
            ],
            stdout=written,
            stderr=written,
        )  # fmt: skip
    try:
        socket = connect(_tab(log, process), max_size=None, compression=None)
        with socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(30)


def _tab(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the browser's first tab is talked to."""
    until = time.monotonic() + ANSWER_S
    while not (said := re.search(r"DevTools listening on ws://(\S+?)/", log.read_text())):
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(_LOOK_UP_S)
    with urllib.request.urlopen(f"http://{said[1]}/json/list", timeout=ANSWER_S) as answer:
        return str(next(one for one in json.load(answer) if one["type"] == "page")["webSocketDebuggerUrl"])
