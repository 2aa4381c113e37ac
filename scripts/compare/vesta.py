"""Vesta: three masters with all defaults."""

from interop.cluster import without_settings
from interop.processes import Process

from .side import Side


class Vesta(Side):
    # Its own two beside Spark's three.
    ports_per_master = 5

    def __init__(self, spark, directory, binary):
        super().__init__(spark, directory)
        self.binary = binary

    def start_master(self, master):
        peers = (f"{m.number}=" + "/".join(f"127.0.0.1:{port}" for port in m.own_ports) for m in self.masters)
        listeners = {
            "listen": master.own_ports[0],
            "raft-listen": master.own_ports[1],
            "spark-listen": master.rpc_port,
            "spark-rest-listen": master.rest_port,
            "spark-ui-listen": master.ui_port,
        }
        command = [self.binary, "master", "--node-id", master.number, "--peers", ",".join(peers), "--form"]
        command += ["--data-dir", self.directory / f"master-{master.number}", "--spark-masters", self.url()]
        for name, port in listeners.items():
            command += [f"--{name}", f"127.0.0.1:{port}"]
        log = self.directory / f"master-{master.number}.log"
        master.process = Process(f"master {master.number}", command, log, environment=without_settings())
