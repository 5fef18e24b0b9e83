"""Reachability: whether a server takes what is posted to it, and what is to be told of that."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from backbeat.warning import warn

__all__ = ["Reachability", "shown"]


class Reachability:
    """What became of the posts of one run: they are made in a thread and told where it trains."""

    def __init__(self, root: str) -> None:
        self.unsent = 0
        self._root = root
        self._missed = 0
        self._told_status = False
        self._news = deque[str]()

    def make(self, post: Callable[[], Any]) -> None:
        """Post, and see what the server makes of it."""
        try:
            reply = post()
        except BaseException as error:
            self._miss(error)
            return
        self._note_return()
        self._look_at(reply)

    def tell(self) -> None:
        """Warn of what is new."""
        while self._news:
            warn(self._news.popleft())

    def given_up(self, unmade: int) -> Reachability:
        """The same after so many failures more; a post that still hangs keeps the old one."""
        after = copy(self)
        for _ in range(unmade):
            after._miss(TimeoutError())
        return after

    def _miss(self, error: BaseException) -> None:
        self._missed += 1
        self.unsent += 1
        if self._missed == 1:
            # The name of the error alone: its text may hold what the url or the headers hide.
            self._news.append(
                f"Could not reach RemoteMonitor root server at {shown(self._root)} "
                f"({type(error).__name__}). Training goes on; the epochs until it is back are not "
                "sent again."
            )

    def _note_return(self) -> None:
        missed, self._missed = self._missed, 0
        if missed:
            epochs = "1 epoch was" if missed == 1 else f"{missed} epochs were"
            self._news.append(
                f"RemoteMonitor reaches {shown(self._root)} again; {epochs} not sent."
            )

    def _look_at(self, reply: Any) -> None:
        status = None
        # A reply may be anything, even something that raises when it is looked at.
        with contextlib.suppress(Exception):
            status = reply.status_code
        with contextlib.suppress(Exception):
            reply.close()
        if isinstance(status, int) and status >= 300 and not self._told_status:
            self._told_status = True
            self._news.append(
                f"RemoteMonitor: {shown(self._root)} answers with status {status}, so it does not "
                "take the epochs. Are path, field, headers and send_as_json what it expects?"
            )


def shown(root: str) -> str:
    """`root` without a user's name and password."""
    try:
        parts = urlsplit(root)
    except ValueError:
        return "the given root"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
