"""Debian's chromium, driven over the two pipes that its DevTools protocol can speak on: no port, no other program."""

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
_DESCRIPTORS = 'exec "$@" 3<&"$IN" 4>&"$OUT"'  # chromium reads from 3 and writes to 4


class Browser:
    """One browser with one tab."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._to, self._back = to, back
        self._rest = b""
        self._number = 0
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call of the protocol; what it answers."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session and not method.startswith("Browser."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for(self, method: str, **wanted: Any) -> dict[str, Any]:
        """The next event of this kind that says so, also if it has come already."""
        while True:
            for place, event in enumerate(self.events):
                params: dict[str, Any] = event["params"]
                if event["method"] == method and all(params.get(key) == value for key, value in wanted.items()):
                    del self.events[place]
                    return params
            self._read()

    def show(self, page: Path | str, *, width: int = 1280, dark: bool = False, phone: bool = False) -> None:
        """Open a page as somebody sees it on such a screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844 if phone else 900,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait_for("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """What a script of ours gives on the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click into the middle of the first thing that the selector names."""
        found = json.dumps(selector)
        x, y = self.evaluate(
            f"(() => {{ const it = document.querySelector({found}); it.scrollIntoView({{block: 'center'}});"
            " const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def keep_downloads(self, folder: Path) -> None:
        """From now on what is not shown is kept here, under a name that its event tells."""
        self.call("Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=str(folder), eventsEnabled=True)

    def photograph(self, file: Path) -> None:
        """A picture of the whole page."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(picture["data"]))

    def read_aloud(self) -> list[tuple[str, str]]:
        """Role and name of what a screen reader is given."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + 30
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._back, 1 << 20) if ready else b""
            if not more:
                raise AssertionError("chromium says nothing")
            self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def opened(folder: Path) -> Iterator[Browser]:
    """A browser that reaches no network and keeps what it keeps in this folder."""
    told, to = os.pipe()
    back, answers = os.pipe()
    arguments = [
        *("--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    process = subprocess.Popen(
        ["bash", "-c", _DESCRIPTORS, "bash", PROGRAM, *arguments],
        pass_fds=(told, answers),
        env={**os.environ, "IN": str(told), "OUT": str(answers), "HOME": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    os.close(told)
    os.close(answers)
    try:
        yield Browser(process, to, back)
    finally:
        process.terminate()
        process.wait(20)
        os.close(to)
        os.close(back)
