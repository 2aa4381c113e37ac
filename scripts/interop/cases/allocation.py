"""Executors that come and go by the driver's wish, and by that of a worker's operator."""

import os
import signal
import time
from pathlib import Path

from . import case
from ..processes import Failure, descendants, wait_until

ONE_CORE = {"spark.executor.cores": "1"}

DYNAMIC = ONE_CORE | {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": "3s",
    "spark.dynamicAllocation.executorIdleTimeout": "3s",
    "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
}


@case("vesta")
def dynamic_allocation(world):
    """With spark.dynamicAllocation an application grows to its most, shrinks to nothing, and grows again."""
    most = 3
    options = DYNAMIC | {
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.maxExecutors": str(most),
    }
    job = world.job("growing", "growing.py", most, options=options)
    job.succeed(300)
    world.expect_ended(job.application())


@case()
def resource_profile(world):
    """A stage with a resource profile of its own runs in executors of that profile."""
    # The executors of the usual profile must make room for those of the other.
    options = DYNAMIC | {
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.maxExecutors": "2",
    }
    job = world.job("profile", "own_profile.py", options=options)
    job.succeed(240)
    world.expect_ended(job.application())


@case()
def worker_drained(world):
    """A worker that is drained is left by its executors at their driver's word, and the job goes on with others."""
    cluster = world.cluster
    before = {worker["id"] for worker in cluster.alive_workers()}
    extra = cluster.add_worker(world.kinds[0])
    cluster.wait_for_workers()
    (drained,) = {worker["id"] for worker in cluster.alive_workers()} - before
    try:
        with world.running_job(options={"spark.decommission.enabled": "true"}) as job:
            cluster.ask("drain", drained, "--deadline", "1h")
            job.wait_for_text("is now DECOMMISSIONED", 60)
            wait_until("no executor is left there", 60, lambda: executors_on(cluster, drained) == 0, pause=0.5)
            job.wait_for_round(job.rounds() + 5, 90)
    finally:
        cluster.workers.remove(extra)
        extra.end()
    world.expect_ended(job.application())


def executors_on(cluster, worker_id):
    return sum(worker["executors"] for worker in cluster.list("workers") if worker["id"] == worker_id)


@case(needs="jvm")
def worker_decommissioned(world):
    """A JVM worker that is told to decommission (SIGPWR) gives up its executors, and the job goes on with others."""
    cluster = world.cluster
    extra = cluster.add_worker("jvm", [("spark.decommission.enabled", "true")])
    cluster.wait_for_workers()
    try:
        with world.running_job(options={"spark.decommission.enabled": "true"}) as job:
            extra.send(signal.SIGPWR)
            job.wait_for_text("Decommission", 60)
            wait_until("the masters say that it leaves", 60, lambda: is_decommissioned(cluster), pause=0.5)
            job.wait_for_round(job.rounds() + 5, 90)
    finally:
        cluster.workers.remove(extra)
        extra.end()
    world.expect_ended(job.application())


def is_decommissioned(cluster):
    return any(w["state"] not in ("ALIVE", "DEAD") or w.get("draining") for w in cluster.list("workers"))


@case()
def worker_killed(world):
    """A worker and what it launched are killed: the driver gets executors elsewhere, and the sums are right."""
    cluster = world.cluster
    kind = world.kinds[0]
    extra = cluster.add_worker(kind)
    cluster.wait_for_workers()
    try:
        with world.running_job() as job:
            before = len(job.granted())
            kill_executors_of(extra)
            wait_until("another executor is granted", 60, lambda: len(job.granted()) > before)
    finally:
        cluster.workers.remove(extra)
        extra.end()
    world.expect_ended(job.application())


def kill_executors_of(worker):
    """Kills the executors that this worker launched; they work in its directory."""
    directory = str(worker.log).removesuffix(".log")
    killed = 0
    for pid in descendants():
        if pid != worker.pid and works_in(pid, directory):
            kill_quietly(pid)
            killed += 1
    if not killed:
        raise Failure(f"{worker.name} had no executor")


def works_in(pid, directory):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        there = os.readlink(f"/proc/{pid}/cwd").startswith(directory + "/")
    except OSError:
        return False
    is_java = words[0].endswith(b"/java")
    return there and is_java and any(b"CoarseGrainedExecutorBackend" in word for word in words)


def kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@case()
def several_applications(world):
    """Three applications at once, each with one core, all give the right sums and are FINISHED."""
    running = []
    one_core = ONE_CORE | {"spark.cores.max": "1"}
    for number in range(3):
        stop = world.directory / f"{number}.stop"
        running.append((world.job(f"job-{number}", "rounds.py", stop, 5, options=one_core), stop))
    for job, _ in running:
        job.wait_for_round(3, 240)
    for _, stop in running:
        stop.touch()
    for job, _ in running:
        job.succeed(120)
        world.expect_ended(job.application())


@case()
def waiting_applications(world):
    """Applications that wait keep their ids over a fail-over and start in the order in which they came."""
    with world.running_job("holder") as holder:
        waiting = []
        for number in range(2):
            stop = world.directory / f"waiting-{number}.stop"
            stop.touch()
            job = world.job(f"waiting-{number}", "rounds.py", stop, 2)
            waiting.append(job)
            job.wait_for_text("APPLICATION app-", 120)
        ids = [job.application() for job in waiting]
        world.cluster.kill_leader()
        world.cluster.mend()
        holder.wait_for_round(holder.rounds() + 2, 60)
        if any(job.granted() for job in waiting):
            raise Failure("an application was given executors that were not free")
    first = start_times(waiting)
    if first != sorted(first):
        raise Failure(f"they started out of order: {first}")
    for job, app_id in zip(waiting, ids):
        job.succeed(180)
        world.expect_ended(app_id)


def start_times(jobs):
    """When each had its first executor, as far as is seen by looking often."""
    seen = {}

    def all_have():
        for job in jobs:
            if job.name not in seen and job.granted():
                seen[job.name] = time.monotonic()
        return len(seen) == len(jobs)

    wait_until("each waiting application is granted an executor", 180, all_have, pause=0.02)
    return [seen[job.name] for job in jobs]
