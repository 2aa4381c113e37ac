"""Where Spark and Java come from."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

# The oldest Java that Spark 4 takes, and the newest that all releases of Spark run on.
JAVA = range(17, 22)
JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")
VENV_PACKAGE = "python3-venv"

# So that a dozen of them are quick to start on a small machine.
SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class Missing(Exception):
    """Something that this program needs and can't get by itself."""


class Spark:
    """An installed Spark: the `pyspark` package in an environment of its own."""

    def __init__(self, version, venv, java_home):
        self.version = version
        self.python = venv / "bin" / "python"
        homes = sorted(venv.glob("lib/python3*/site-packages/pyspark"))
        if not homes:
            raise Missing(f"{venv} has no pyspark; remove it to have it installed again")
        self.home = homes[0]
        self.java_home = java_home

    def program(self, name):
        return self.home / "bin" / name

    def jar(self, name):
        """The jar of Spark's own with that name, as `spark-core`."""
        found = sorted((self.home / "jars").glob(f"{name}_*.jar"))
        if not found:
            raise Missing(f"{self.home}/jars has no {name}")
        return found[0]

    def example(self, path):
        return self.home / "examples/src/main/python" / path

    def daemon_environment(self):
        """The same for Spark's own daemons."""
        return self.environment() | {"SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": SMALL_JVM}

    def environment(self):
        """The environment in which Spark's programs run: this one's, without settings for another Spark."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_", "VESTA_"))}
        return kept | {
            "SPARK_HOME": str(self.home),
            "JAVA_HOME": str(self.java_home),
            "PYSPARK_PYTHON": str(self.python),
            "PYSPARK_DRIVER_PYTHON": str(self.python),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SMALL_JVM,
        }


def install(version, cache, say, may_install=True):
    """Spark `version` from the cache, installed first if it is not there and may be."""
    java_home = find_java(say, may_install)
    venv = cache / version
    # The last thing that is written: an installation that was broken off is not taken for one.
    done = venv / "installed"
    if not done.exists():
        if not may_install:
            raise Missing(f"Spark {version} is not in {cache}")
        if importlib.util.find_spec("ensurepip") is None:
            install_package(VENV_PACKAGE, "this Python can make no environment", say)
        say(f"installing pyspark {version} into {venv}")
        run([sys.executable, "-m", "venv", venv])
        # numpy: Spark's examples als.py and kmeans.py want it. Without pip's own cache: it would keep a copy of all.
        run([venv / "bin" / "pip", "install", "--quiet", "--no-cache-dir", f"pyspark=={version}", "numpy"])
        done.touch()
    return Spark(version, venv, java_home)


def run(command):
    command = [str(part) for part in command]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode != 0:
        raise Missing(f"{' '.join(command)} failed:\n{ended.stdout[-2000:]}")


def install_package(package, why, say):
    """Installs a package of Debian's, where that can be done."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"{why}; on Debian it is the package {package}")
    say(f"installing {package}")
    run(["apt-get", "update"])
    run(["apt-get", "install", "--yes", "--no-install-recommends", package])


def find_java(say, may_install=True):
    """The home of a Java that Spark runs on."""
    found = java_home_of_this_shell()
    why = f"there is no Java {JAVA[0]} to {JAVA[-1]} in JAVA_HOME, PATH or /usr/lib/jvm"
    for package in JAVA_PACKAGES if may_install else ():
        if not found:
            with suppress(Missing):
                install_package(package, why, say)
            found = java_home_of_this_shell()
    if not found:
        raise Missing(f"{why}; on Debian it is one of the packages {' and '.join(JAVA_PACKAGES)}")
    return found


def java_home_of_this_shell():
    candidates = []
    if os.environ.get("JAVA_HOME"):
        candidates.append(Path(os.environ["JAVA_HOME"]) / "bin" / "java")
    if shutil.which("java"):
        candidates.append(Path(shutil.which("java")))
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    for java in candidates:
        if java.exists() and java_version(java) in JAVA:
            return java.resolve().parent.parent
    return None


def java_version(java):
    """The major version of a java program; 0 if it does not say."""
    ended = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    said = re.search(r'version "(\d+)', ended.stderr)
    return int(said.group(1)) if said else 0
