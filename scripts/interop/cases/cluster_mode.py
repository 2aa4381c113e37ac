"""Drivers that the cluster runs: `spark-submit --deploy-mode cluster`."""

import re
import signal

from . import case
from ..install import SMALL_JVM
from ..job import REST, submit_command
from ..processes import Failure, wait_until
from ..world import JOBS

SUM = "SUM 499500"

# What spark-submit is answered it logs as INFO, and after --status and --kill it shows only WARN: SPARK-24888.
ANSWERS_SHOWN = {
    "SPARK_SUBMIT_OPTS": f"{SMALL_JVM} -Dlog4j2.configurationFile={JOBS / 'answers.log4j2.properties'}",
}


class Submitted:
    """A driver that was submitted: by RPC, or by REST at these masters."""

    def __init__(self, world, name, what, flags=(), rest_at=None):
        self.world = world
        self.notes = world.directory / f"{name}.notes"
        self.notes.touch()
        # Spark refuses Python programs in cluster mode by themselves; its own runner of them is a class like another.
        names = ("spark.pyspark.python", "spark.pyspark.driver.python")
        python = {name: str(world.spark.python) for name in names}
        command = submit_command(
            world,
            python | (REST if rest_at else opened_modules(world.spark)),
            ["--deploy-mode", "cluster", "--driver-memory", "512m", *flags],
            ["--class", "org.apache.spark.deploy.PythonRunner", world.spark.jar("spark-core")]
            + [JOBS / "driver.py", "", self.notes, what],
            master=world.cluster.rest_url(rest_at) if rest_at else None,
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
        def noted():
            if self.notes.read_text().count(text) >= times:
                return True
            state = self.state()
            if state in ("FAILED", "ERROR", "KILLED"):
                raise Failure(f"{self.id()} is {state}, and {text!r} is not in {self.notes}")
            return False

        wait_until(f"{text!r} in {self.notes}", seconds, noted, pause=0.5)

    def expect_starts(self, count):
        """It has noted so many starts."""
        starts = self.notes.read_text().count("START")
        if starts != count:
            raise Failure(f"{self.id()} was started {starts} times, not {count}")


def opened_modules(spark):
    """What drivers of Spark 3 need on Java 17: its client does not add it in cluster mode, whoever the master is."""
    if not spark.version.startswith("3."):
        return {}
    opened = "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"
    return {"spark.driver.extraJavaOptions": f"{SMALL_JVM} {opened}"}


@case("jvm")
def cluster_submit(world):
    """spark-submit --deploy-mode cluster by RPC runs a driver that has executors, sums right and is FINISHED."""
    driver = Submitted(world, "submit", "sum")
    driver.wait_for_note(SUM)
    driver.wait_for_state("FINISHED", 30)


@case("vesta")
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
    driver.expect_starts(2)


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
    driver.expect_starts(1)


@case("vesta")
def rest_submit(world):
    """spark-submit --deploy-mode cluster by REST runs a driver that has executors, sums right and is FINISHED."""
    driver = Submitted(world, "submit", "sum", rest_at=world.cluster.masters)
    driver.wait_for_note(SUM)
    driver.wait_for_state("FINISHED", 30)
    code = driver.submit.wait_for_end(60)
    if code != 0:
        raise Failure(f"spark-submit ended with {code} ({driver.submit.log})")


@case("jvm")
def rest_status_and_kill(world):
    """A master that does not lead takes a submission by REST, says by --status what becomes of it, and --kill ends it."""
    cluster = world.cluster
    leader = cluster.leader()
    standby = next(m for m in cluster.masters if m is not leader)
    driver = Submitted(world, "submit", "wait", rest_at=[standby])
    driver.wait_for_note("START")
    driver.wait_for_state("RUNNING", 30)
    by_rest(world, standby, "--status", driver.id(), r'"driverState" : "RUNNING"')
    by_rest(world, standby, "--kill", driver.id(), f"Kill request for {driver.id()} submitted")
    driver.wait_for_state("KILLED", 30)
    by_rest(world, standby, "--status", driver.id(), r'"driverState" : "KILLED"')


@case()
def rest_supervise(world):
    """A supervised driver, submitted by REST, whose first start fails is started again and finishes."""
    driver = Submitted(world, "submit", "once-failing", ["--supervise"], rest_at=world.cluster.masters)
    driver.wait_for_note(SUM, 120)
    driver.wait_for_state("FINISHED", 30)
    driver.expect_starts(2)


@case()
def rest_leader_killed(world):
    """The leader is killed just before a submission by REST: one driver comes of it, and it finishes."""
    known = {d["id"] for d in world.drivers()}
    leader = world.cluster.leader()
    leader.process.send(signal.SIGKILL)
    driver = Submitted(world, "submit", "sum", rest_at=world.cluster.masters)
    driver.wait_for_note(SUM)
    driver.wait_for_state("FINISHED", 30)
    world.cluster.mend()
    new = {d["id"] for d in world.drivers()} - known
    if new != {driver.id()}:
        raise Failure(f"{sorted(new)} came of one submission")


def by_rest(world, master, flag, driver_id, answer):
    """What Spark's client is answered by that master."""
    command = [world.spark.program("spark-submit"), "--master", world.cluster.rest_url([master]), flag, driver_id]
    process = world.process(f"{len(world.jobs)}{flag}", command, ANSWERS_SHOWN)
    code = process.wait_for_end(120)
    if code != 0 or not re.search(answer, process.text()):
        raise Failure(f"spark-submit {flag} ended with {code}, and not with {answer} ({process.log})")
