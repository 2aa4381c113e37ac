"""Jobs in client mode, and the leader in trouble in the middle of one."""

import signal

from . import case
from ..cluster import free_ports
from ..processes import Failure


@case("mixed")
def client_job(world):
    """A pyspark job in client mode with a shuffle gives the right sums and is FINISHED at the masters."""
    with world.running_job() as job:
        before = job.granted()
        if not before:
            raise Failure("no executor was granted")
    world.expect_no_executor_lost(job, before)
    world.expect_ended(job.application())


def survives(world, trouble):
    """The job goes on with the same executors through `trouble`, which returns the leader of before and after."""
    with world.running_job() as job:
        before = job.granted()
        known = job.text().count("Master has changed")
        old, new = trouble()
        if old is not new:
            job.wait_for_text("Master has changed", 30, known + 1)
        world.cluster.mend()
    world.expect_no_executor_lost(job, before)
    world.expect_ended(job.application())


@case("vesta", "jvm")
def leader_killed(world):
    """The leader is killed (SIGKILL) in the middle of a job: right sums, no executor lost."""
    survives(world, world.cluster.kill_leader)


@case("jvm")
def leader_paused(world):
    """The leader is paused (SIGSTOP) for 3 s in the middle of a job: right sums, no executor lost."""
    survives(world, lambda: world.cluster.pause_leader(3))


@case("vesta")
def leader_hands_over(world):
    """The leader is asked to end (SIGTERM) and hands over in the middle of a job: right sums, no executor lost."""
    survives(world, world.cluster.hand_over)


@case()
def leader_in_trouble_often(world):
    """Nine times killed, paused or handed over during one job: right sums, no executor lost."""
    with world.running_job() as job:
        before = job.granted()
        cluster = world.cluster
        for _ in range(3):
            for trouble in (cluster.kill_leader, lambda: cluster.pause_leader(3), cluster.hand_over):
                trouble()
                cluster.mend()
                job.wait_for_round(job.rounds() + 2, 60)
    world.expect_no_executor_lost(job, before)
    world.expect_ended(job.application())


@case()
def driver_killed_and_started_again(world):
    """A driver is killed (SIGKILL) and started again at the same port: it has an application of its own, and ends well."""
    (port,) = free_ports(1)
    fixed = {"spark.driver.port": str(port)}
    stop = world.directory / "same.stop"
    killed = world.job("killed", "rounds.py", stop, options=fixed)
    killed.wait_for_round(3, 180)
    killed.send(signal.SIGKILL)
    killed.wait_for_end(30)
    with world.running_job("same", options=fixed) as job:
        if job.application() == killed.application():
            raise Failure(f"it got {job.application()}, which is the killed one's")
    world.expect_ended(killed.application(), "FAILED")
    world.expect_ended(job.application())
