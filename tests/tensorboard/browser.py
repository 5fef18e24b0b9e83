"""A headless Chromium, driven over a pipe: no port is opened and nothing is downloaded."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "chromium is not installed: apt-get install chromium"
ANSWER_SECONDS = 30
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--enable-unsafe-swiftshader",  # the projector draws with WebGL, here without a graphics card
    "--window-size=1400,900",
    "--remote-debugging-pipe",
]

# Every node of the page, those of shadow trees and frames included.
WALK = """
const walk = (node, see) => {
  see(node);
  if (node.shadowRoot) walk(node.shadowRoot, see);
  if (node.tagName === 'IFRAME' && node.contentDocument) walk(node.contentDocument, see);
  if (node.tagName !== 'STYLE' && node.tagName !== 'SCRIPT')
    node.childNodes.forEach((child) => walk(child, see));
};
"""
TEXT = f"""(() => {{ {WALK}
  const texts = [];
  walk(document, (node) => {{
    if (node.nodeType === Node.TEXT_NODE) texts.push(node.textContent);
  }});
  return texts.join(' ').replace(/\\s+/g, ' ');
}})()"""
# How many visible elements have a name.
COUNT = f"""((name) => {{ {WALK}
  let count = 0;
  walk(document, (node) => {{
    if (node.localName === name && node.getBoundingClientRect().width > 0) count += 1;
  }});
  return count;
}})"""


class Browser:
    """One page. `errors` collects what went wrong in it: exceptions, errors of the console."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self.errors.clear()
        # A new address with the same path is no new page.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of a script."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def text(self) -> str:
        return self.run(TEXT) or ""

    def wait_for_text(self, *texts: str, seconds: float = 30) -> None:
        """Wait until all of `texts` can be read on the page."""
        deadline = time.monotonic() + seconds
        while missing := [text for text in texts if text not in (page := self.text())]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page does not show {missing}: {page[:2000]}")
            time.sleep(0.2)

    def wait_for_element(self, name: str, seconds: float = 30) -> None:
        """Wait until an element of that name can be seen."""
        deadline = time.monotonic() + seconds
        while not self.run(f"{COUNT}({name!r})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page has no visible {name}")
            time.sleep(0.2)

    def settle(self, seconds: float = 3) -> None:
        """Let what is being drawn be drawn, and errors arrive."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.run("1")
            time.sleep(0.1)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the DevTools protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reads], [], [], ANSWER_SECONDS)
            part = os.read(self._reads, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("chromium does not answer")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            said = details.get("exception", {}).get("description", details["text"])
            self.errors.append(f"exception: {said}")
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.errors.append(f"log: {entry['text']} {entry.get('url', '')}")
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            said = " ".join(str(arg.get("value", arg)) for arg in params["args"])
            self.errors.append(f"console: {said}")


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A Chromium with a profile of its own; both are gone afterwards in any case."""
    assert CHROMIUM is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads its commands from descriptor 3 and answers on 4.
        shell = 'exec "$@" 3<&"$READS" 4>&"$WRITES"'
        process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", CHROMIUM, *OPTIONS, f"--user-data-dir={profile}"],
            pass_fds=(to_browser[0], from_browser[1]),
            env=os.environ | {"READS": str(to_browser[0]), "WRITES": str(from_browser[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Browser(from_browser[0], to_browser[1])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(to_browser[1])
            os.close(from_browser[0])
