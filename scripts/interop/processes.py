"""Processes that this program starts, and their end.

All that is started here, and all that is started by it, is a descendant of this process for ever: it makes itself
the one to which orphans are given. So everything can be found by its ancestry, and nothing else is ever ended.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """What a case demanded and did not get."""


class Patience:
    """How much longer than on an idle machine everything may take."""

    factor = 1.0

    @classmethod
    def of(cls, seconds):
        return seconds * cls.factor


def adopt_orphans():
    """Makes this process the parent of descendants whose parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_until(what, seconds, condition, pause=0.1):
    """Waits until `condition()` is true and returns its value; fails with `what` after so many seconds (see Patience)."""
    seconds = Patience.of(seconds)
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


class Process:
    """A process with its output in files: stderr in `log`, stdout beside it.

    Not both in one: what Spark logs would come in the middle of lines that its drivers print.
    """

    def __init__(self, name, command, log, environment=None, directory=None):
        self.name = name
        self.log = Path(log)
        self.output = self.log.with_suffix(".out")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log, open(self.output, "ab") as output:
            self.popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=environment,
                cwd=directory,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.popen.pid

    def runs(self):
        return self.popen.poll() is None

    def text(self):
        """All that it has written: what is in `log`, then the rest."""
        return self.log.read_text(errors="replace") + self.output.read_text(errors="replace")

    def send(self, number):
        if self.runs():
            os.kill(self.pid, number)

    def wait_for_end(self, seconds):
        """Its exit code."""
        seconds = Patience.of(seconds)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still ran after {seconds} s ({self.log})") from None

    def wait_for_text(self, text, seconds, times=1):
        """Waits until its output has `text` so often."""

        def seen():
            if self.text().count(text) >= times:
                return True
            if not self.runs() and self.text().count(text) < times:
                raise Failure(f"{self.name} ended with {self.popen.returncode} before it wrote {text!r} ({self.log})")
            return False

        wait_until(f"{self.name} writes {text!r} ({self.log})", seconds, seen)

    def end(self, grace=10):
        """Ends it: asked first, then killed."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.popen.wait()


def descendants():
    """The pids of all that descend from this process."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = parent_of(entry)
            children.setdefault(parent, []).append(int(entry.name))
    found, open_ends = [], [os.getpid()]
    while open_ends:
        of = children.get(open_ends.pop(), [])
        found += of
        open_ends += of
    return found


def parent_of(entry):
    try:
        # The name in parentheses may hold anything; the state and the parent follow the last one.
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def end_descendants():
    """Kills what is left of all that was started, and what that has started."""
    for _ in range(20):
        left = descendants()
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
        reap()


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
