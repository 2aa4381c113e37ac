"""Spark's own programs as users start them, and what their logs say."""

import re

from .install import SMALL_JVM
from .processes import Failure, Process

OPTIONS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "2",
    "spark.driver.extraJavaOptions": SMALL_JVM,
    "spark.executor.extraJavaOptions": SMALL_JVM,
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.master.rest.enabled": "false",
}

# What makes spark-submit speak REST in cluster mode.
REST = {"spark.master.rest.enabled": "true"}


class Job(Process):
    """A `spark-submit` in client mode: the driver is this process."""

    def __init__(self, world, name, program, *arguments, options=None, directory=None):
        self.world = world
        super().__init__(
            name,
            submit_command(world, options or {}, [], [program, *arguments]),
            world.directory / f"{name}.log",
            environment=world.spark.environment(),
            directory=directory or world.spark.home,
        )
        world.jobs.append(self)

    def application(self):
        """The id of its application."""
        return re.search(r"APPLICATION (app-\S+)", self.text()).group(1)

    def wait_for_round(self, number, seconds=90):
        self.wait_for_text(f"ROUND {number}\n", seconds)

    def rounds(self):
        return self.text().count("ROUND ")

    def succeed(self, seconds=120):
        """Waits for its end, which must be a good one."""
        code = self.wait_for_end(seconds)
        if code != 0:
            raise Failure(f"{self.name} ended with {code} ({self.log})")

    def granted(self):
        """The executors that masters granted, in order: application/number. A new leader tells of them again."""
        return list(dict.fromkeys(re.findall(r"Granted executor ID (app-\S+)", self.text())))

    def lost(self):
        """What the driver says of executors that it lost."""
        return re.findall(r".*(?:Lost executor|Executor app-\S+ removed|is now (?:LOST|FAILED|KILLED|EXITED)).*", self.text())


def submit_command(world, options, flags, rest, master=None):
    """The command line of `spark-submit`, for all masters unless a URL is given."""
    command = [world.spark.program("spark-submit"), "--master", master or world.cluster.url(), *flags]
    for key, value in (OPTIONS | options).items():
        command += ["--conf", f"{key}={value}"]
    return command + rest
