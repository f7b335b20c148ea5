"""Processes that belong together: started, revived when one dies, stopped together, and never left behind.

A child holds the reading end of a pipe as its standard input (`--tied`): it stops by itself when we die, even by SIGKILL.
A child that dies young is started again with a growing pause, so that a broken one does not burn the processor.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from haat.faces.cli import show

STEP_S = 0.2
PAUSES_S = (0.0, 0.5, 1, 2, 5)
SETTLED_S = 10.0  # who lived this long did not die young


class Child:
    """One kind of process that should run."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "haat", *arguments, "--tied"]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._born = 0.0
        self._deaths = 0
        self._due = 0.0

    def start(self) -> None:
        """In a session of its own: Ctrl+C in the terminal is meant for us, and we tell the children."""
        self._born = time.monotonic()
        self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603

    def look_after(self) -> None:
        """Start it again where it died."""
        process, now = self._process, time.monotonic()
        if process is not None and process.poll() is not None:
            self._deaths = 0 if now - self._born > SETTLED_S else self._deaths + 1
            pause = PAUSES_S[min(self._deaths, len(PAUSES_S) - 1)]
            show.error(f"{self.name} ended ({_ending(process.returncode)}); starting it again" + (f" in {pause:g} s" if pause else ""))
            _close_input(process)
            self._process, self._due = None, now + pause
        if self._process is None and now >= self._due:
            self.start()

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, until: float) -> None:
        """Until it ended, or `until` (monotonic): then it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            show.error(f"{self.name} does not stop; killing it")
            self._process.kill()
            self._process.wait()
        _close_input(self._process)


class Signals:
    """Whether somebody asked us to stop. While `interrupting`, whatever is under way is broken off by KeyboardInterrupt."""

    def __init__(self) -> None:
        self.stopping = False
        self.interrupting = True

    @contextlib.contextmanager
    def heeded(self) -> Iterator["Signals"]:
        """SIGTERM and SIGINT mean «stop» inside."""
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, *_: object) -> None:
        self.stopping = True
        if self.interrupting:
            raise KeyboardInterrupt


def look_after(children: Sequence[Child], signals: Signals, *, grace_s: float, meanwhile: Callable[[], None]) -> None:
    """Run the children until a stop is asked for, `meanwhile` in every round; back when all have ended."""
    signals.interrupting = False
    try:
        for child in children:
            child.start()
        while not signals.stopping:
            meanwhile()
            time.sleep(STEP_S)
            for child in children:
                if not signals.stopping:
                    child.look_after()
    finally:
        for child in children:
            child.ask_to_stop()
        until = time.monotonic() + grace_s
        for child in children:
            child.wait(until)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
