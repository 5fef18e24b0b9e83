from __future__ import annotations

import contextlib
import json
import math
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
import requests
import torch

from backbeat.callbacks import Callback, RemoteMonitor
from backbeat.errors import BackbeatWarning, MissingPackageError
from backbeat.hooks import Plan
from backbeat.testing import play


class Received(list[tuple[str, dict[str, str], bytes]]):
    """What a server got: path, headers, body; and where it is."""

    root = ""


@contextlib.contextmanager
def server(status: int = 200, before: Callable[[], Any] = int) -> Iterator[Received]:
    """A real server on this machine; answers everything with `status`, once `before` is over."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), body))
            before()
            self.send_response(status)
            self.send_header("Location", "http://localhost:1/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        received.root = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield received
        finally:
            http.shutdown()
            thread.join()


@contextlib.contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with its first connection whatever it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sent_by(*epochs: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """What is posted as JSON."""
    with server() as received:
        play(RemoteMonitor(received.root, send_as_json=True, **options), epochs)
    return [json.loads(body) for _, _, body in received]


def test_a_form_reaches_a_server() -> None:
    """By default: the field of a form holds the JSON text."""
    with server() as received:
        play(RemoteMonitor(received.root), [{"loss": 0.5}], initial_epoch=3)

    ((path, headers, body),) = received
    assert path == "/publish/epoch/end/"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["data"][0]) == {"epoch": 3, "loss": 0.5}


def test_json_reaches_a_server_with_the_headers() -> None:
    """With send_as_json: the body itself."""
    with server() as received:
        monitor = RemoteMonitor(
            received.root, "/here", headers={"X-Token": "abc"}, send_as_json=True
        )
        play(monitor, [{"loss": 0.5}])

    ((path, headers, body),) = received
    assert (path, headers["X-Token"]) == ("/here", "abc")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"epoch": 0, "loss": 0.5}


def test_every_kind_of_value() -> None:
    """Whatever is logged, strict JSON arrives."""
    (sent,) = sent_by(
        {
            "float32": np.float32(0.5),
            "int64": np.int64(2),
            "array": np.array([1.0, math.nan]),
            "one": np.array([1.5]),
            "tensor": torch.tensor([1, 2]),
            "text": "a",
            "flag": True,
            "none": None,
            "list": [1, (2, 3)],
            "dict": {"a": np.float32(1)},
            "object": 1j,
        }
    )

    assert sent == {
        "epoch": 0,
        "float32": 0.5,
        "int64": 2,
        "array": [1.0, None],
        "one": 1.5,
        "tensor": [1, 2],
        "text": "a",
        "flag": True,
        "none": None,
        "list": [1, [2, 3]],
        "dict": {"a": 1.0},
        "object": "1j",
        "non_finite": {"array": "nan"},
    }


def test_what_is_not_finite_becomes_null() -> None:
    """And it is told which was which."""
    (sent,) = sent_by({"a": math.nan, "b": math.inf, "c": np.float32("-inf"), "d": 1.0})

    assert sent["a"] is sent["b"] is sent["c"] is None
    assert sent["non_finite"] == {"a": "nan", "b": "inf", "c": "-inf"}


def test_a_value_named_epoch_does_not_replace_the_epoch() -> None:
    """The epoch is the epoch."""
    assert sent_by({"epoch": 99, "loss": 1.0}) == [{"epoch": 0, "loss": 1.0}]


def test_a_server_that_is_down_is_said_once_and_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two warnings for a whole outage."""
    monitor = RemoteMonitor("http://127.0.0.1:1")
    posts: list[Any] = []

    def post(*args: Any, **kwargs: Any) -> None:
        posts.append(args)
        if len(posts) <= 3:
            raise requests.ConnectionError

    monkeypatch.setattr("requests.post", post)
    with pytest.warns(BackbeatWarning) as caught:
        play(monitor, [{}] * 5)

    assert [str(each.message) for each in caught] == [
        (
            "Could not reach RemoteMonitor root server at http://127.0.0.1:1 (ConnectionError). "
            "Training goes on; the epochs until it is back are not sent again."
        ),
        "RemoteMonitor reaches http://127.0.0.1:1 again; 3 epochs were not sent.",
    ]


def test_epochs_do_not_wait_for_the_server() -> None:
    """It answers when the last epoch is over; then it has all of them in their order."""
    is_over = threading.Event()

    class Last(Callback):
        def on_train_end(self, logs: Any = None) -> None:
            is_over.set()

    with server(before=is_over.wait) as received, warnings.catch_warnings():
        warnings.simplefilter("error")
        play([Last(), RemoteMonitor(received.root, send_as_json=True)], [{}] * 3)

    assert [json.loads(body)["epoch"] for _, _, body in received] == [0, 1, 2]


def test_an_error_does_not_lose_the_epochs_before_it() -> None:
    """They are with the server when `fit` raises."""

    class Failing(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise ZeroDivisionError

    with server() as received, pytest.raises(ZeroDivisionError):
        play([RemoteMonitor(received.root), Failing()], [{}] * 3)

    assert len(received) == 2


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_error_status_is_said_once(status: int) -> None:
    """The server is there but does not take it; redirects are not followed."""
    with server(status) as received, pytest.warns(BackbeatWarning) as caught:
        play(RemoteMonitor(received.root), [{}, {}, {}])

    assert len(received) == 3
    assert [str(each.message) for each in caught] == [
        (
            f"RemoteMonitor: {received.root} answers with status {status}, so it does not take the "
            "epochs. Are path, field, headers and send_as_json what it expects?"
        )
    ]


@pytest.mark.parametrize(
    "reply", [b"", b"\x00\xff garbage", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"]
)
def test_no_reply_raises(reply: bytes) -> None:
    """However malformed it is: a warning at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackbeatWarning)
        with raw_server(lambda connection: connection.sendall(reply)) as root:
            RemoteMonitor(root).on_epoch_end(0, {})


def test_an_endless_reply_is_not_waited_for() -> None:
    """Only the status is read."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(30):
            connection.sendall(b"x")
            time.sleep(0.02)

    with raw_server(drip) as root:
        began = time.perf_counter()
        RemoteMonitor(root).on_epoch_end(0, {})
        waited = time.perf_counter() - began

    assert waited < 0.5


def test_waits_at_most_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two to connect, three for an answer."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr("requests.post", lambda *args, **kwargs: seen.update(kwargs))
    RemoteMonitor().on_epoch_end(0, {})

    assert seen["timeout"] == (2.0, 3.0)


@pytest.mark.parametrize(
    "root", ["", "not a url", "http://[", "http://\udcff", "http://" + "a" * 70]
)
def test_an_address_that_is_none_is_a_server_that_is_down(root: str) -> None:
    """Whatever requests raises for it."""
    with pytest.warns(BackbeatWarning, match="Could not reach RemoteMonitor root server"):
        RemoteMonitor(root).on_epoch_end(0, {})


def test_a_password_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the address nor what an error says of it."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise requests.ConnectionError("http://user:secret@host")

    monkeypatch.setattr("requests.post", refuse)
    with pytest.warns(BackbeatWarning) as caught:
        RemoteMonitor("http://user:secret@host:9000").on_epoch_end(0, {})

    assert "http://host:9000" in str(caught[0].message)
    assert "secret" not in str(caught[0].message)


def test_a_strange_reply_is_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in for requests.post may return whatever it likes."""

    class Strange:
        @property
        def status_code(self) -> int:
            raise RuntimeError("boom")

    for reply in (None, Strange(), object()):
        monkeypatch.setattr("requests.post", lambda *args, reply=reply, **kwargs: reply)
        RemoteMonitor().on_epoch_end(0, {})


def test_without_requests_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first batch; used bare, at the first epoch end."""
    monkeypatch.setitem(sys.modules, "requests", None)
    monitor = RemoteMonitor()
    with pytest.raises(MissingPackageError) as caught:
        play(monitor, [{}], plan=Plan())

    assert str(caught.value) == (
        'RemoteMonitor posts with requests, which is not installed: pip install "requests>=2.31"'
    )
    with pytest.raises(ImportError):
        monitor.on_epoch_end(0, {})
