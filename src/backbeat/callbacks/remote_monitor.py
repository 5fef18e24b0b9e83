"""RemoteMonitor: posts the logs of every epoch to a server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit, urlunsplit

from backbeat.callbacks._arguments import check_flags
from backbeat.callbacks._errands import Errands
from backbeat.callbacks._values import non_finite_text, number
from backbeat.errors import ArgumentTypeError, MissingPackageError
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.plan import Plan
from backbeat.warning import warn

__all__ = ["RemoteMonitor"]

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 3.0
# A server that sends a byte now and then answers for ever; no epoch waits longer than this.
_TOTAL_SECONDS = _CONNECT_SECONDS + _ANSWER_SECONDS


class RemoteMonitor(Callback):
    """Posts `{"epoch": ..., <the logs>}` to `root + path` at the end of every epoch.

    With `send_as_json` the body is that object as application/json, otherwise a form whose `field`
    holds it as JSON text. `epoch` counts from 0. The JSON is strict: nan and infinity become null,
    and `non_finite` then says which was which.

    Nothing the server does reaches the training: it waits 2 seconds for a connection and 3 for an
    answer, of which only the status is read. Redirects are not followed, for `headers` may
    hold a secret. One warning says when the server cannot be reached, one when it is back, one
    when it answers with an error.

    Needs `requests`; MissingPackageError, an ImportError, is raised before training without it.
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"
    runs_on: ClassVar[RunsOn] = "main"

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        for name, value in (("root", root), ("path", path), ("field", field)):
            _check_text(name, value)
        check_flags(self, send_as_json=send_as_json)
        if headers is not None and not isinstance(cast(object, headers), Mapping):
            raise ArgumentTypeError(
                "RemoteMonitor: headers is a dict such as {'Authorization': '...'}; got a "
                f"{type(headers).__name__}."
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        self._reset()

    def _reset(self) -> None:
        self._missed = 0
        self._unsent = 0
        self._told_status = False
        self._errands = Errands("RemoteMonitor")

    def _check_plan(self, plan: Plan) -> None:
        _requests()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget what the server did in the run before."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Post the logs of this epoch."""
        requests, message = _requests(), _message(epoch, logs or {})
        try:
            reply = self._reply(requests, message)
        except Exception as error:
            self._miss(error)
            return
        self._tell_if_back()
        self._look_at(reply)

    def _reply(self, requests: Any, message: dict[str, Any]) -> Any:
        """What the server answers in time."""
        replies: list[Any] = []
        post = partial(self._post, requests, message)
        is_over = self._is_free() and self._errands.run(
            lambda: replies.append(post()), _TOTAL_SECONDS
        )
        if not is_over:
            raise TimeoutError
        return replies[0]

    def _is_free(self) -> bool:
        try:
            return self._errands.finish(0)
        except Exception:  # of a post that was given up, and counted then
            return True

    def _post(self, requests: Any, message: dict[str, Any]) -> Any:
        url = self.root + self.path
        options: dict[str, Any] = {
            "headers": self.headers,
            "timeout": (_CONNECT_SECONDS, _ANSWER_SECONDS),
            "allow_redirects": False,
            "stream": True,  # whatever the body is, it is never waited for
        }
        # `post` is looked up each time, so that it can be exchanged at any moment.
        if self.send_as_json:
            return requests.post(url, json=message, **options)
        return requests.post(url, {self.field: json.dumps(message, allow_nan=False)}, **options)

    def _miss(self, error: Exception) -> None:
        self._missed += 1
        self._unsent += 1
        if self._missed == 1:
            # The name of the error alone: its text may hold what the url or the headers hide.
            _warn(
                f"Could not reach RemoteMonitor root server at {_shown(self.root)} "
                f"({type(error).__name__}). Training goes on; the epochs until it is back are not "
                "sent again."
            )

    def _tell_if_back(self) -> None:
        missed, self._missed = self._missed, 0
        if missed:
            epochs = "1 epoch was" if missed == 1 else f"{missed} epochs were"
            _warn(f"RemoteMonitor reaches {_shown(self.root)} again; {epochs} not sent.")

    def _look_at(self, reply: Any) -> None:
        status = None
        # A reply may be anything, even something that raises when it is looked at.
        with contextlib.suppress(Exception):
            status = reply.status_code
        with contextlib.suppress(Exception):
            reply.close()
        if isinstance(status, int) and status >= 300 and not self._told_status:
            self._told_status = True
            _warn(
                f"RemoteMonitor: {_shown(self.root)} answers with status {status}, so it does not "
                "take the epochs. Are path, field, headers and send_as_json what it expects?"
            )

    def _troubles(self) -> list[str]:
        return [f"{self._unsent} epochs were not sent to {_shown(self.root)}"] * bool(self._unsent)

    # State

    def __getstate__(self) -> dict[str, Any]:
        running = ("_missed", "_unsent", "_told_status", "_errands")
        return {name: value for name, value in vars(self).items() if name not in running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()


def _requests() -> Any:
    try:
        import requests
    except ImportError:
        raise MissingPackageError(
            "RemoteMonitor posts with requests, which is not installed: "
            'pip install "requests>=2.31"'
        ) from None
    return requests


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"RemoteMonitor: {name} is a text; got {value!r} ({type(value).__name__})."
        )


def _message(epoch: int, logs: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent; a logged value named `epoch` does not replace the epoch."""
    unusual: dict[str, str] = {}
    message: dict[str, Any] = {"epoch": int(epoch)}
    for name, value in logs.items():
        if name != "epoch":
            message[name] = _as_json(value, name, unusual)
    return message | {"non_finite": unusual} if unusual else message


def _as_json(value: Any, name: str, unusual: dict[str, str]) -> Any:
    """`value` as JSON knows it; what is not finite becomes null and is noted in `unusual`."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int:
        return value
    as_float = number(value)
    if as_float is not None:
        text = non_finite_text(as_float)
        if text is None:
            return value.item() if _is_whole(value) else as_float
        unusual[name] = text
        return None
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {str(key): _as_json(each, name, unusual) for key, each in items}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_as_json(each, name, unusual) for each in cast(list[Any], value)]
    return str(value)


def _is_whole(value: Any) -> bool:
    return hasattr(value, "item") and isinstance(value.item(), int)


def _shown(root: str) -> str:
    """`root` without a user's name and password."""
    try:
        parts = urlsplit(root)
    except ValueError:
        return "the given root"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _warn(text: str) -> None:
    warn(text)
