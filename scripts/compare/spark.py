"""Spark's own masters, with ZooKeeper."""

import time

from interop.processes import Process

from .side import Side
from .zookeeper import Ensemble, Sessions

# Spark's loggers, at errors only.
QUIET = """
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
"""


class SparkSide(Side):
    """Three masters of Spark's and a ZooKeeper ensemble of three, set in this way or that."""

    def __init__(self, spark, directory, sessions, quiet):
        super().__init__(spark, directory)
        self.ensemble = Ensemble(spark, directory, sessions)
        self.logging = directory / "log4j2.properties" if quiet else None
        if self.logging:
            self.logging.write_text(QUIET)

    def start_store(self):
        """Starts ZooKeeper; returns the seconds until each server serves."""
        begin = time.monotonic()
        self.ensemble.start()
        return time.monotonic() - begin

    def processes(self):
        return super().processes() + [server for server in self.ensemble.servers if server.runs()]

    def start_master(self, master):
        properties = {
            "spark.deploy.recoveryMode": "ZOOKEEPER",
            "spark.deploy.zookeeper.url": self.ensemble.url(),
            "spark.master.rest.enabled": "true",
            "spark.master.rest.port": master.rest_port,
        }
        if self.logging:
            properties["log4j2.configurationFile"] = self.logging
        options = " ".join(f"-D{key}={value}" for key, value in properties.items())
        master.process = Process(
            f"master {master.number}",
            [self.spark.program("spark-class"), "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1"]
            + ["--port", master.rpc_port, "--webui-port", master.ui_port],
            self.directory / f"master-{master.number}.log",
            environment=self.spark.environment() | {"SPARK_DAEMON_JAVA_OPTS": options},
        )


def as_shipped():
    """ZooKeeper's own defaults: Spark asks for sessions of 60 s, and gets 20 ticks."""
    return Sessions(tick=2000, longest=None)


def tuned(session):
    """Sessions of so many milliseconds, and all times of ZooKeeper's in proportion."""
    return Sessions(tick=max(1, session // 20), longest=session)
