"""Three masters with the door for Spark open, and workers of both kinds, on loopback."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

from .processes import Failure, Process, wait_until

CORES = 2
MEMORY = "3g"


def free_ports(count):
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Master:
    """A master: the ports that stay its own, and the process that runs at the moment."""

    def __init__(self, node_id, ports, directory):
        self.node_id = node_id
        self.client_port, self.raft_port, self.observe_port = ports[:3]
        self.spark_port, self.rest_port, self.ui_port = ports[3:]
        self.directory = directory
        self.process = None

    def start(self, binary, peers, spark_masters):
        self.process = Process(
            f"master {self.node_id}",
            [binary, "master", "--node-id", self.node_id, "--data-dir", self.directory / f"master-{self.node_id}"]
            + ["--listen", f"127.0.0.1:{self.client_port}", "--raft-listen", f"127.0.0.1:{self.raft_port}"]
            + ["--spark-listen", f"127.0.0.1:{self.spark_port}", "--spark-masters", spark_masters]
            + ["--spark-rest-listen", f"127.0.0.1:{self.rest_port}", "--spark-ui-listen", f"127.0.0.1:{self.ui_port}"]
            + ["--metrics-listen", f"127.0.0.1:{self.observe_port}", "--peers", peers, "--form"],
            self.directory / f"master-{self.node_id}.log",
            environment=without_settings(),
        )

    def json(self):
        """What it says under /json, as Spark's masters do."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ui_port}/json", timeout=10) as answer:
            return json.load(answer)

    def is_alive(self):
        """Whether it says that it leads and has recovered."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.observe_port}/metrics", timeout=1) as answer:
                return 'vesta_master_status{status="ALIVE"} 1' in answer.read().decode()
        except OSError:
            return False


def without_settings():
    """This environment without settings of Vesta: those of a shell must not become the cluster's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("VESTA_", "SPARK_", "PYSPARK_"))}


class Cluster:
    """The cluster of a run."""

    def __init__(self, binary, spark, directory):
        self.binary = binary
        self.spark = spark
        self.directory = directory
        ports = free_ports(18)
        self.masters = [Master(i + 1, ports[6 * i : 6 * i + 6], directory) for i in range(3)]
        self.workers = []
        self.started_workers = 0

    def peers(self):
        return ",".join(f"{m.node_id}=127.0.0.1:{m.client_port}/127.0.0.1:{m.raft_port}" for m in self.masters)

    def url(self):
        """What Spark's processes are told."""
        return "spark://" + ",".join(f"127.0.0.1:{m.spark_port}" for m in self.masters)

    def rest_url(self, masters=None):
        """What `spark-submit` is told when it is to speak REST, with these masters or with all."""
        return "spark://" + ",".join(f"127.0.0.1:{m.rest_port}" for m in masters or self.masters)

    def vesta_url(self):
        return "vesta://" + ",".join(f"127.0.0.1:{m.client_port}" for m in self.masters)

    def start(self, kinds):
        for master in self.masters:
            master.start(self.binary, self.peers(), self.url())
        self.leader()
        for kind in kinds:
            self.add_worker(kind)
        self.wait_for_workers()

    def wait_for_workers(self):
        def there():
            return len([w for w in self.alive_workers()]) >= len(self.workers)

        wait_until(f"{len(self.workers)} workers are ALIVE", 60, there, pause=0.5)

    def alive_workers(self):
        return [w for w in self.list("workers") if w.get("state", w.get("status")) == "ALIVE"]

    def add_worker(self, kind, properties=()):
        """Starts a worker, `jvm` or `vesta`, and returns its process."""
        self.started_workers += 1
        name = f"{kind}-worker-{self.started_workers}"
        start = {"jvm": self.start_jvm_worker, "vesta": self.start_vesta_worker}[kind]
        worker = start(name, properties)
        worker.kind = kind
        self.workers.append(worker)
        return worker

    def start_jvm_worker(self, name, properties):
        options = " ".join(f"-D{key}={value}" for key, value in properties)
        port, web = free_ports(2)
        return Process(
            name,
            [self.spark.program("spark-class"), "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1"]
            + ["--port", port, "--webui-port", web, "-c", CORES, "-m", MEMORY, "-d", self.directory / name, self.url()],
            self.directory / f"{name}.log",
            environment=self.spark.daemon_environment() | {"SPARK_WORKER_OPTS": options},
        )

    def start_vesta_worker(self, name, _properties):
        java = {"JAVA_HOME": str(self.spark.java_home), "PYSPARK_PYTHON": str(self.spark.python)}
        return Process(
            name,
            [self.binary, "worker", "--master", self.vesta_url(), "--dir", self.directory / name]
            + ["--listen", "127.0.0.1:0", "--cores", CORES, "--memory", MEMORY, "--spark-home", self.spark.home],
            self.directory / f"{name}.log",
            environment=without_settings() | java | {"SPARK_LOCAL_IP": "127.0.0.1"},
        )

    def leader(self, other_than=None, seconds=30):
        """The master that leads, once there is one that is not `other_than`."""

        def leads():
            return next((m for m in self.masters if m is not other_than and m.is_alive()), None)

        return wait_until("a master leads", seconds, leads, pause=0.05)

    def kill_leader(self):
        """SIGKILL; returns the master and its successor."""
        leader = self.leader()
        leader.process.send(signal.SIGKILL)
        leader.process.popen.wait()
        return leader, self.leader(other_than=leader)

    def pause_leader(self, seconds):
        """SIGSTOP, so many seconds, SIGCONT."""
        leader = self.leader()
        leader.process.send(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            leader.process.send(signal.SIGCONT)
        return leader, self.leader()

    def hand_over(self):
        """SIGTERM: the leader hands over and ends."""
        leader = self.leader()
        leader.process.send(signal.SIGTERM)
        leader.process.wait_for_end(20)
        return leader, self.leader(other_than=leader)

    def mend(self):
        """Starts again the masters that do not run."""
        for master in self.masters:
            if not master.process.runs():
                master.start(self.binary, self.peers(), self.url())
        self.leader()

    def list(self, kind, *flags):
        """What `vesta list` says of a kind: apps, drivers, workers."""
        key = {"apps": "applications"}.get(kind, kind)
        return self.ask("list", kind, *flags)[key]

    def ask(self, *words):
        """What a command of Vesta's answers, from JSON."""
        ended = self.run(*words, "--json")
        if ended.returncode != 0:
            raise Failure(f"vesta {' '.join(words)}: {ended.stderr.strip()}")
        return json.loads(ended.stdout)

    def run(self, *words):
        """Runs a command of Vesta's to its end."""
        command = [str(part) for part in (self.binary, *words, "--master", self.vesta_url())]
        return subprocess.run(command, capture_output=True, text=True, env=without_settings(), check=False)

    def clear(self):
        """Ends every driver and application."""

        def clear():
            left = [one["id"] for kind in ("drivers", "apps") for one in self.list(kind)]
            for one in left:
                # It may have ended meanwhile, which is refused.
                self.run("kill", one, "--wait")
            return not left

        wait_until("no driver and no application is left", 60, clear)

    def stop(self):
        """The workers first: they end what they launched."""
        for worker in self.workers:
            worker.send(signal.SIGTERM)
        for worker in self.workers:
            worker.end(15)
        for master in self.masters:
            if master.process:
                master.process.send(signal.SIGTERM)
        for master in self.masters:
            if master.process:
                master.process.end(5)
