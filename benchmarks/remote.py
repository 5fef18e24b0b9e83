"""How long does RemoteMonitor hold the training up, whatever its server does?

The server is on this machine and answers at once, or after 2 seconds, or takes connections and
stays silent, or is down. Measured is the time that `on_epoch_end` takes in a real `fit`, and what
`fit` takes after the last of them, until it returns.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

# A server: how long it waits with its answer, and how many epochs are posted to it.
SERVERS = {"answers": (0.0, 30), "sleeps 2 s": (2.0, 3), "mute": (None, 3), "is down": (0.0, 30)}
PATIENCE = 15.0


@contextmanager
def server(kind: str) -> Iterator[int]:
    """One that behaves like this, on a free port of loopback."""
    if kind == "mute":
        with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
            yield silent.getsockname()[1]
        return

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(SERVERS[kind][0] or 0)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as answering:
        port = answering.server_address[1]
        if kind == "is down":
            answering.server_close()
            yield port
            return
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        yield port
        answering.shutdown()


def post(contender: str, port: int, epochs: int) -> None:
    """Train here, and print what each epoch and the end took; runs in a process of its own."""
    import warnings

    import numpy as np

    warnings.simplefilter("ignore")
    room, models, layers = _rooms(contender)
    took: list[float] = []

    class Watched(room.RemoteMonitor):
        def on_epoch_end(self, epoch, logs=None):
            begin = time.perf_counter()
            super().on_epoch_end(epoch, logs)
            took.append(time.perf_counter() - begin)
            print(json.dumps(took[-1]), flush=True)

    model = models.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((8, 4), np.float32), np.zeros((8, 1), np.float32)
    watched = Watched(root=f"http://127.0.0.1:{port}")
    print(flush=True)  # from now on it is timed
    begin = time.perf_counter()
    model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=[watched])
    print(json.dumps({"fit": time.perf_counter() - begin}), flush=True)


def _rooms(contender: str) -> tuple[Any, Any, Any]:
    if contender == "backbeat":
        from backbeat import callbacks, layers, models
    else:
        from keras import callbacks, layers, models
    return callbacks, models, layers


def measure(interpreter: Path, contender: str, kind: str, environment: dict[str, str]) -> Any:
    """What a process of its own says about one server; what is missing did not happen in time."""
    epochs = SERVERS[kind][1]
    with server(kind) as port:
        command = [str(interpreter), __file__, "post", contender, str(port), str(epochs)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        assert process.stdout is not None
        process.stdout.readline()
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        printed, _ = process.communicate()
        timer.cancel()
    lines = [json.loads(line) for line in printed.splitlines()]
    took = [line for line in lines if isinstance(line, float)]
    return {
        "contender": contender,
        "server": kind,
        "epochs": took,
        "fit": next((line["fit"] for line in lines if isinstance(line, dict)), None),
    }


def report(lines: list[Any]) -> str:
    """The Markdown table."""
    from _results import footer, table

    head, *rows = lines
    body = [
        [
            f"**{row['contender']}**" if row["contender"] == "backbeat" else row["contender"],
            row["server"],
            len(row["epochs"]),
            f"{median(row['epochs']) * 1e3:.3f}" if row["epochs"] else "–",
            f"{max(row['epochs']) * 1e3:.3f}" if row["epochs"] else "–",
            f"hangs; ended after {PATIENCE:.0f} s" if row["fit"] is None else f"{row['fit']:.2f}",
        ]
        for row in rows
    ]
    heads = ["", "server", "epochs", "blocked ms, median", "most", "fit in all, s"]
    return "\n".join([table(heads, body), "", footer(head)])


def main() -> None:
    """Measure, save, print."""
    if sys.argv[1:2] == ["post"]:
        post(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    from _field import chosen
    from _results import save

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="only the servers that answer soon")
    arguments.add_argument("--contenders", nargs="+", default=["backbeat", "keras-torch"])
    given = arguments.parse_args()
    kinds = ["answers", "is down"] if given.quick else list(SERVERS)
    rows = [
        measure(interpreter, entry.name, kind, entry.surroundings())
        for kind in kinds
        for entry in chosen(given.contenders)
        if (interpreter := entry.interpreter())
    ]
    print(report(save("remote", rows)))


if __name__ == "__main__":
    main()
