"""A ZooKeeper ensemble, from the classes that Spark brings along."""

import socket
from dataclasses import dataclass

from interop.cluster import free_ports
from interop.processes import Failure, Process, wait_until

SERVERS = 3

# What zkServer.sh gives a server, with nothing else set.
HEAP = "-Xmx1000m"


@dataclass(frozen=True)
class Sessions:
    """How soon ZooKeeper gives a silent client up."""

    # Milliseconds: sessions end at whole ticks.
    tick: int
    # Milliseconds that a session has; `None` for ZooKeeper's own bounds, of which the upper one is 20 ticks. Spark
    # asks for 60 s, in its code, and there is no setting for it.
    longest: int | None
    # Milliseconds, as counted in ticks by ZooKeeper: to join a leader, and to lag behind it. Those of its example.
    join: int = 20_000
    lag: int = 10_000

    def settings(self):
        lines = [f"tickTime={self.tick}", f"initLimit={self.join // self.tick}", f"syncLimit={self.lag // self.tick}"]
        if self.longest is not None:
            lines += [f"minSessionTimeout={self.longest}", f"maxSessionTimeout={self.longest}"]
        return lines


class Ensemble:
    """Three servers. They flush their log before they answer, as they do unless told otherwise."""

    def __init__(self, spark, directory, sessions):
        self.spark = spark
        self.directory = directory / "zookeeper"
        self.sessions = sessions
        self.ports = free_ports(3 * SERVERS)
        self.servers = []

    def client_ports(self):
        return self.ports[:SERVERS]

    def url(self):
        return ",".join(f"127.0.0.1:{port}" for port in self.client_ports())

    def start(self):
        """Starts them and waits until each serves."""
        for number in range(1, SERVERS + 1):
            self.servers.append(self.start_server(number))
        for server, port in zip(self.servers, self.client_ports()):
            wait_until(f"{server.name} serves ({server.log})", 60, lambda: self.serves(server, port), pause=0.02)

    def start_server(self, number):
        home = self.directory / str(number)
        home.mkdir(parents=True)
        (home / "myid").write_text(f"{number}\n")
        members = []
        for one in range(SERVERS):
            quorum, election = self.ports[SERVERS + one], self.ports[2 * SERVERS + one]
            members.append(f"server.{one + 1}=127.0.0.1:{quorum}:{election}")
        settings = home / "zoo.cfg"
        lines = self.sessions.settings() + [
            f"dataDir={home}",
            "clientPortAddress=127.0.0.1",
            f"clientPort={self.client_ports()[number - 1]}",
            # Pages of its own, for which Spark's jars hold no server.
            "admin.enableServer=false",
            "4lw.commands.whitelist=srvr",
        ]
        settings.write_text("\n".join(lines + members) + "\n")
        java = self.spark.java_home / "bin" / "java"
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return Process(
            f"ZooKeeper {number}",
            [java, HEAP, "-cp", f"{self.spark.home}/jars/*", main, settings],
            self.directory / f"{number}.log",
            environment=self.spark.environment(),
        )

    def serves(self, server, port):
        if not server.runs():
            raise Failure(f"{server.name} ended with {server.popen.returncode} ({server.log}): {server.text()[-500:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"srvr")
                said = b""
                while part := connection.recv(4096):
                    said += part
        except OSError:
            return False
        return b"Mode: " in said
