"""RemoteMonitor: posts the logs of every epoch to a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, cast

from backbeat.callbacks._arguments import check_flags
from backbeat.callbacks._postbox import Postbox
from backbeat.callbacks._reachability import Reachability, shown
from backbeat.callbacks._values import non_finite_text, number
from backbeat.errors import ArgumentTypeError, MissingPackageError
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.plan import Plan

__all__ = ["RemoteMonitor"]

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 3.0
# How long the end of a run waits for a server that sends a byte now and then.
_TOTAL_SECONDS = _CONNECT_SECONDS + _ANSWER_SECONDS


class RemoteMonitor(Callback):
    """Posts `{"epoch": ..., <the logs>}` to `root + path` at the end of every epoch.

    With `send_as_json` the body is that object as application/json, otherwise a form whose `field`
    holds it as JSON text. `epoch` counts from 0. The JSON is strict: nan and infinity become null,
    and `non_finite` then says which was which.

    Nothing the server does reaches the training: a thread posts, one epoch after the other, and
    waits 2 seconds for a connection and 3 for an answer, of which only the status is read. The end
    of the run waits for it, but 5 seconds at most. Redirects are not followed, for `headers` may
    hold a secret. One warning says when the server cannot be reached, one when it is back, one
    when it answers with an error. Called outside of a run, `on_epoch_end` posts in line.

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
        self._server = Reachability(self.root)
        self._box: Postbox | None = None

    def _check_plan(self, plan: Plan) -> None:
        _requests()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget what the server did in the run before."""
        self._end(0)
        self._reset()
        self._box = Postbox("RemoteMonitor")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Hand the logs of this epoch over; outside of a run, post them here and now."""
        post = partial(
            self._server.make, partial(self._post, _requests(), _message(epoch, logs or {}))
        )
        is_in_a_run = self._box is not None
        self._box = self._box or Postbox("RemoteMonitor")
        self._box.put(post)
        if is_in_a_run:
            self._server.tell()
        else:
            self._end(_TOTAL_SECONDS)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait at most 5 seconds for the server to have all epochs."""
        self._end(_TOTAL_SECONDS)

    def close(self) -> None:
        """The same for a run that an error ended."""
        self._end(_TOTAL_SECONDS)

    def _end(self, seconds: float) -> None:
        box, self._box = self._box, None
        unmade = box.end(seconds) if box else 0
        if unmade:
            self._server = self._server.given_up(unmade)
        self._server.tell()

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

    def _troubles(self) -> list[str]:
        unsent = self._server.unsent
        return [f"{unsent} epochs were not sent to {shown(self.root)}"] * bool(unsent)

    # State

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in ("_server", "_box")}

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
