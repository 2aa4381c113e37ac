"""What both sides have: three masters that speak Spark's REST and /json, a worker of Spark's, and how it is started."""

import json
import signal
import threading
import time
from pathlib import Path

from interop.cluster import free_ports
from interop.processes import Failure, Process, wait_until

from .http import Connection, ask, get

MASTERS = 3

# An application holds one core and a driver wants all, so that drivers wait, and the worker is not idle: Spark's
# masters write a warning for every waiting driver at every submission as long as a worker is idle or there is none.
WORKER_CORES = 4
WORKER_MEMORY = "3g"

# Seconds that a fail-over may take before it counts as none.
PATIENCE = 150


class Master:
    """A master: the ports that stay its own, and the process that runs at the moment."""

    def __init__(self, number, ports):
        self.number = number
        self.rpc_port, self.rest_port, self.ui_port = ports[:3]
        self.own_ports = ports[3:]
        self.process = None

    def status(self, timeout=1):
        """STANDBY, RECOVERING, COMPLETING_RECOVERY, ALIVE; None if it does not answer."""
        try:
            return ask(self.ui_port, "/json/status", timeout).get("status")
        except (OSError, ValueError):
            return None


class Side:
    """One of those that are compared. A kind of it says how its masters are started."""

    ports_per_master = 3

    def __init__(self, spark, directory):
        self.spark = spark
        self.directory = directory
        ports = free_ports(MASTERS * self.ports_per_master)
        step = self.ports_per_master
        self.masters = [Master(i + 1, ports[i * step : (i + 1) * step]) for i in range(MASTERS)]
        self.workers = []

    def start_store(self):
        """Starts what the masters need, if they need something; returns the seconds that it took."""

    def start_master(self, master):
        raise NotImplementedError

    def processes(self):
        """Whatever this side needs to be highly available, which runs."""
        return [m.process for m in self.masters if m.process and m.process.runs()]

    def url(self):
        return "spark://" + ",".join(f"127.0.0.1:{m.rpc_port}" for m in self.masters)

    def start(self):
        """Starts all masters; returns the seconds until one is ALIVE."""
        begin = time.monotonic()
        for master in self.masters:
            self.start_master(master)
        return self.wait_for_leader(self.masters)[1] - begin

    def wait_for_leader(self, masters, seconds=PATIENCE):
        """The first of them that is ALIVE, and when it was seen to be."""
        watches = [Watch(master) for master in masters]
        try:
            found = wait_until("a master is ALIVE", seconds, lambda: next((w for w in watches if w.seen), None), 0.001)
        except Failure as failure:
            raise Failure(f"{failure}; {self.how_masters_are()}") from None
        finally:
            for watch in watches:
                watch.over = True
        return found.master, found.seen

    def how_masters_are(self):
        said = []
        for master in self.masters:
            ended = not master.process.runs()
            said.append(f"ended with {master.process.popen.returncode}" if ended else str(master.status()))
        return "the masters: " + ", ".join(said)

    def leader(self):
        return self.wait_for_leader(self.masters)[0]

    def kill_leader(self):
        """SIGKILL; returns the moment and the masters that are left."""
        leader = self.leader()
        moment = time.monotonic()
        leader.process.send(signal.SIGKILL)
        leader.process.popen.wait()
        return moment, [m for m in self.masters if m is not leader and m.process.runs()]

    def restart(self):
        """Starts the masters that do not run; returns the seconds until each of them stands by."""
        took = []
        for master in [m for m in self.masters if not m.process.runs()]:
            begin = time.monotonic()
            self.start_master(master)
            wait_until(f"master {master.number} stands by", 60, lambda: master.status() == "STANDBY", 0.005)
            took.append(time.monotonic() - begin)
        return took

    def start_worker(self):
        """A worker of Spark's; waits until the leader knows it."""
        port, web = free_ports(2)
        home = self.directory / "worker"
        self.workers.append(
            Process(
                "worker",
                [self.spark.program("spark-class"), "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1"]
                + ["--port", port, "--webui-port", web, "-c", WORKER_CORES, "-m", WORKER_MEMORY, "-d", home, self.url()],
                self.directory / "worker.log",
                environment=self.spark.daemon_environment(),
            )
        )
        leader = self.leader()
        wait_until("the worker is known", 60, lambda: ask(leader.ui_port, "/json/").get("aliveworkers") == 1)

    def listed(self, master):
        """The ids of the drivers that a master lists as not ended."""
        return {driver["id"] for driver in ask(master.ui_port, "/json/", timeout=60)["activedrivers"]}

    def memory(self):
        """MiB: the leader's, and that of all that this side needs."""
        leader = self.leader()
        return rss(leader.process), sum(rss(process) for process in self.processes())


class Watch:
    """Looks again and again whether a master is ALIVE, in a thread: one that hangs must not keep from the others."""

    PAUSE = 0.01

    def __init__(self, master):
        self.master = master
        self.seen = None
        self.over = False
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        connection = None
        while not self.over and not self.seen:
            try:
                connection = connection or Connection(self.master.ui_port, timeout=30)
                if json.loads(connection.call(get("/json/status"))).get("status") == "ALIVE":
                    self.seen = time.monotonic()
            except (OSError, ValueError):
                if connection:
                    connection.close()
                connection = None
            time.sleep(self.PAUSE)
        if connection:
            connection.close()


def rss(process):
    """MiB of memory that a process has resident."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Failure(f"{process.name} ended with {process.popen.poll()} ({process.log})")
