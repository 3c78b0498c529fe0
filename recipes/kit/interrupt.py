"""Ctrl-C between two steps of a training, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from recipes.kit.console import say


class DeferredInterrupt:
    """While it is entered, Ctrl-C is noted; `check` raises it where stopping is safe.

    TensorFlow runs Python in the middle of its own work, where an exception that nobody expects
    has been seen to crash the process. A second Ctrl-C is not deferred.
    """

    def __init__(self) -> None:
        self._noted = False
        self._previous: Any = None

    def __enter__(self) -> DeferredInterrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if there was a Ctrl-C."""
        if self._noted:
            self._noted = False
            raise KeyboardInterrupt

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._noted:
            raise KeyboardInterrupt
        self._noted = True
        say("stopping after this step; Ctrl-C again stops at once")
