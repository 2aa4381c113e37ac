"""An application of Spark's that registers at a chosen moment."""

import threading
import time
from pathlib import Path

from interop.job import OPTIONS
from interop.processes import Failure, Process, wait_until

PROGRAM = Path(__file__).resolve().parent / "jobs" / "application.py"

# What its driver writes when the master has told it that an executor of its runs.
RUNNING = "is now RUNNING"

# What it writes when it has asked all masters three times, 20 s apart.
GAVE_UP = "All masters are unresponsive! Giving up."


class Application:
    """A driver that is started and warm, so that what is measured is not the start of its JVM."""

    def __init__(self, side, name):
        self.begin = side.directory / f"{name}.begin"
        command = [side.spark.program("spark-submit"), "--master", "local[1]"]
        for key, value in (OPTIONS | {"spark.cores.max": "1", "spark.executor.cores": "1"}).items():
            command += ["--conf", f"{key}={value}"]
        command += [PROGRAM, self.begin, side.url()]
        log = side.directory / f"{name}.log"
        self.process = Process(name, command, log, environment=side.spark.environment())
        self.running = None

    def wait_until_warm(self):
        self.process.wait_for_text("WARM\n", 120)

    def register(self):
        """Has it register now."""
        self.begin.touch()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """Notes when the driver hears that its first executor runs."""
        with open(self.process.log, errors="replace") as log:
            text = ""
            while self.process.runs() and not self.running:
                text = text[-200:] + log.read()
                if RUNNING in text:
                    self.running = time.monotonic()
                time.sleep(0.005)

    def wait_for_executor(self, seconds):
        """The moment when its first executor ran, as its driver heard."""

        def ran():
            if not self.running and (not self.process.runs() or GAVE_UP in self.process.text()):
                raise Failure("the driver gave up: no master had answered it")
            return self.running

        return wait_until("an executor runs", seconds, ran, pause=0.01)

    def end(self):
        self.process.end(5)
