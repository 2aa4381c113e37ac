"""Bad input at the door while others work."""

import os
import socket

from . import case
from ..processes import Failure, wait_until


@case("vesta")
def bad_input(world):
    """Garbage, an HTTP client, an oversized frame and half-open connections at each door do not disturb a job."""
    held = []
    with world.running_job() as job:
        before = job.granted()
        for master in world.cluster.masters:
            for bad in (os.urandom(4096), b"GET / HTTP/1.1\r\nHost: vesta\r\n\r\n", b"\x7f" * 64, b"\0" * 64):
                expect_closed(master.spark_port, bad)
            held += [half_open(master.spark_port) for _ in range(50)]
        job.wait_for_round(job.rounds() + 5, 60)
    for one in held:
        one.close()
    world.expect_no_executor_lost(job, before)
    world.expect_ended(job.application())
    for master in world.cluster.masters:
        if not master.process.runs():
            raise Failure(f"master {master.node_id} ended ({master.process.log})")
        if "panicked" in master.process.text():
            raise Failure(f"master {master.node_id} panicked ({master.process.log})")


@case("jvm")
def json_pages(world):
    """/json of each master names the running application, the workers and its own status; one master is ALIVE."""
    with world.running_job() as job:
        app_id = job.application()
        for master in world.cluster.masters:
            said = master.json()
            if app_id not in [app["id"] for app in said["activeapps"]]:
                raise Failure(f"{app_id} is not under /json of master {master.node_id}")
            if len([w for w in said["workers"] if w["state"] == "ALIVE"]) != len(world.kinds):
                raise Failure(f"/json of master {master.node_id} names the workers {said['workers']}")
        statuses = sorted(master.json()["status"] for master in world.cluster.masters)
        if statuses != ["ALIVE", "STANDBY", "STANDBY"]:
            raise Failure(f"the masters are {statuses} under /json")
    world.expect_ended(job.application())
    ended = [app["id"] for app in world.cluster.leader().json()["completedapps"]]
    if app_id not in ended:
        raise Failure(f"{app_id} is not under completedapps of /json")


def expect_closed(port, sent):
    """The door closes the connection of who sends that."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)

        def closed():
            connection.settimeout(10)
            try:
                return connection.recv(4096) == b""
            except ConnectionError:
                return True
            except TimeoutError:
                return False

        wait_until(f"port {port} closes on {sent[:16]!r}", 30, closed)


def half_open(port):
    """A connection that has begun a frame and says no more."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(b"\0\0\0")
    return connection
