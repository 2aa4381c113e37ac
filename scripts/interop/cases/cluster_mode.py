"""Drivers that the cluster runs: `spark-submit --deploy-mode cluster`."""

import re

from . import Skipped, case
from ..job import submit_command
from ..processes import Failure, wait_until
from ..world import JOBS

SUM = "SUM 499500"


class Submitted:
    """A driver that was submitted by RPC."""

    def __init__(self, world, name, what, flags=()):
        self.world = world
        self.notes = world.directory / f"{name}.notes"
        self.notes.touch()
        # Spark refuses Python programs in cluster mode by themselves; its own runner of them is a class like another.
        python = {"spark.pyspark.python": str(world.spark.python), "spark.pyspark.driver.python": str(world.spark.python)}
        command = submit_command(
            world,
            python,
            ["--deploy-mode", "cluster", "--driver-memory", "512m", *flags],
            ["--class", "org.apache.spark.deploy.PythonRunner", world.spark.jar("spark-core")]
            + [JOBS / "driver.py", "", self.notes, what],
        )
        self.submit = world.process(name, command)

    def id(self, seconds=120):
        """Its id, as the client was told."""

        def said():
            found = re.search(r"(driver-\d+-\d+)", self.submit.text())
            if not found and not self.submit.runs():
                raise Failure(f"spark-submit ended with {self.submit.popen.returncode} and no id ({self.submit.log})")
            return found and found.group(1)

        return wait_until(f"a driver id in {self.submit.log}", seconds, said)

    def state(self):
        mine = [d for d in self.world.drivers() if self.id() in (d.get("id"), d.get("driver_id"))]
        return mine[0]["state"] if mine else None

    def wait_for_state(self, state, seconds=90):
        wait_until(f"{self.id()} is {state}, not {self.state()}", seconds, lambda: self.state() == state, pause=0.5)

    def wait_for_note(self, text, seconds=180, times=1):
        wait_until(
            f"{text!r} in {self.notes}", seconds, lambda: self.notes.read_text().count(text) >= times, pause=0.2
        )


@case(in_ci=True)
def cluster_submit(world):
    """spark-submit --deploy-mode cluster by RPC runs a driver that has executors, sums right and is FINISHED."""
    driver = Submitted(world, "submit", "sum")
    driver.wait_for_note(SUM)
    driver.wait_for_state("FINISHED", 30)


@case(in_ci=True)
def cluster_submit_kill(world):
    """A driver is shown RUNNING to its submitter, is killed by Spark's client by RPC, and is KILLED."""
    driver = Submitted(world, "submit", "wait")
    driver.wait_for_note("START")
    driver.submit.wait_for_text("is RUNNING", 120)
    kill(world, driver.id())
    driver.wait_for_state("KILLED", 30)


def kill(world, driver_id):
    """By RPC: `spark-submit --kill` speaks REST alone."""
    client = [world.spark.program("spark-class"), "org.apache.spark.deploy.Client", "kill", world.cluster.url(), driver_id]
    process = world.process("kill", client)
    code = process.wait_for_end(120)
    # It says no more than that: its log level is WARN. What became of the driver is asked of the masters.
    if code != 0:
        raise Failure(f"Spark's client could not kill {driver_id}: {code} ({process.log})")


@case()
def cluster_supervise(world):
    """A supervised driver whose first start fails is started again under the same id and finishes."""
    driver = Submitted(world, "submit", "once-failing", ["--supervise"])
    driver.wait_for_note(SUM, 120)
    driver.wait_for_state("FINISHED", 30)
    starts = driver.notes.read_text().count("START")
    if starts != 2:
        raise Failure(f"{driver.id()} was started {starts} times")


@case()
def cluster_driver_survives_the_leader(world):
    """The leader is killed while a cluster-mode driver runs: the driver is not started again, and can be killed."""
    driver = Submitted(world, "submit", "wait")
    driver.wait_for_note("START")
    world.cluster.kill_leader()
    world.cluster.mend()
    driver.wait_for_state("RUNNING", 30)
    kill(world, driver.id())
    driver.wait_for_state("KILLED", 30)
    starts = driver.notes.read_text().count("START")
    if starts != 1:
        raise Failure(f"{driver.id()} was started {starts} times")


@case()
def submit_status_and_kill_by_rest(world):
    """spark-submit --status and --kill answer for a driver (they speak REST alone)."""
    raise Skipped("these flags speak REST, for which a master has no listener in this cluster")
