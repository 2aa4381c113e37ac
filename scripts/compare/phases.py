"""What is measured of a side in one round."""

import time
from contextlib import suppress

from interop.processes import Failure

from .application import Application
from .http import post, submit
from .side import WORKER_CORES

# Seconds after the kill: in the gap in which nobody leads.
INTO_THE_GAP = 0.3

CONNECTIONS = (1, 8, 32)

# At most so many submissions over each such number of connections, and a quarter of all: with few drivers waiting,
# as these slow Spark's masters down.
PER_RATE = 500

# Submissions by one connection after another, each alone on the cluster, with pauses.
SINGLE = 20
PAUSE = 0.05


def creation(side):
    """The request that submits a driver which waits: the worker has not all of its cores free."""
    properties = {
        "spark.app.name": "waits",
        "spark.master": side.url(),
        "spark.submit.deployMode": "cluster",
        "spark.driver.cores": str(WORKER_CORES),
        "spark.driver.memory": "512m",
        "spark.driver.supervise": "false",
        "spark.jars": "file:/opt/example.jar",
    }
    body = {
        "action": "CreateSubmissionRequest",
        "appArgs": [],
        "appResource": "file:/opt/example.jar",
        "clientSparkVersion": side.spark.version,
        "environmentVariables": {},
        "mainClass": "Example",
        "sparkProperties": properties,
    }
    return post("/v1/submissions/create", body)


def start_up(side, values):
    """Processes started → one master ALIVE; memory."""
    with values.failures_of("store"):
        took = side.start_store()
        if took is not None:
            values.add("store", took)
    with values.failures_of("start"):
        values.add("start", side.start())
        leader, all_of_it = side.memory()
        values.add("memory", leader)
        values.add("memory_all", all_of_it)
        side.start_worker()


def fail_over(side, values):
    """The leader is killed; one application comes in the gap and one when another master is ALIVE."""
    in_gap, after = Application(side, "in-the-gap"), Application(side, "after")
    try:
        with values.failures_of("alive"):
            in_gap.wait_until_warm()
            after.wait_until_warm()
            moment, left = side.kill_leader()
            time.sleep(max(0, moment + INTO_THE_GAP - time.monotonic()))
            in_gap.register()
            alive = side.wait_for_leader(left)[1]
            after.register()
            values.add("alive", alive - moment)
        with suppress(Failure), values.failures_of("executor"):
            values.add("executor", after.wait_for_executor(60) - moment)
        with suppress(Failure), values.failures_of("executor_gap"):
            values.add("executor_gap", in_gap.wait_for_executor(90) - moment)
    finally:
        in_gap.end()
        after.end()
    with values.failures_of("restart"):
        for took in side.restart():
            values.add("restart", took)


def load(side, values, drivers):
    """Submissions, until so many drivers wait; then the leader is killed."""
    holder = Application(side, "holder")
    try:
        with values.failures_of("single"):
            holder.wait_until_warm()
            holder.register()
            holder.wait_for_executor(60)
        ids = submit_all(side, values, drivers)
        with values.failures_of("takeover"):
            leader, all_of_it = side.memory()
            values.add("memory_loaded", leader)
            values.add("memory_all_loaded", all_of_it)
            take_over(side, values, ids)
    finally:
        holder.end()


def submit_all(side, values, drivers):
    """The ids of so many drivers, first one by one, then over ever more connections."""
    request = creation(side)
    port = side.leader().rest_port
    ids = []
    with values.failures_of("single"):
        for _ in range(min(SINGLE, drivers)):
            done = submit(port, request, 1, 1)
            values.add("single", done.took[0])
            ids += done.ids
            time.sleep(PAUSE)
    most = min(PER_RATE, drivers // 4)
    steps = [(f"rate_{connections}", connections, most) for connections in CONNECTIONS]
    for key, connections, most in steps + [("rate_fill", CONNECTIONS[-1], drivers)]:
        count = min(most, drivers - len(ids))
        if count:
            with values.failures_of(key):
                done = submit(port, request, count, connections)
                values.add(key, done.rate())
                ids += done.ids
    return ids


def take_over(side, values, ids):
    """The leader is killed while these drivers wait: when they are listed by another, and how many are."""
    submitted = set(ids)
    if len(submitted) < len(ids):
        raise Failure(f"{len(ids)} submissions were given only {len(submitted)} ids")
    missing = submitted - side.listed(side.leader())
    if missing:
        raise Failure(f"{len(missing)} of {len(ids)} accepted drivers were gone before the leader was killed")
    moment, left = side.kill_leader()
    leader, alive = side.wait_for_leader(left)
    values.add("takeover", alive - moment)
    listed = submitted & side.listed(leader)
    if listed == submitted:
        values.add("listed", time.monotonic() - moment)
    else:
        # None comes back by itself: these have ended.
        values.fail("listed", f"{len(ids) - len(listed)} of {len(ids)} lost")
    values.add("left", len(listed))
