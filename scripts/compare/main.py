"""The program: the rounds, side after side, and the table."""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interop.install import Missing, install
from interop.main import DEFAULT_VERSION, ROOT, find_binary
from interop.processes import Failure, Patience, adopt_orphans, end_descendants

from .figures import Values, table, write_json
from .phases import fail_over, load, start_up
from .side import Side
from .spark import SparkSide, as_shipped, tuned
from .vesta import Vesta


def main():
    options = arguments()
    Patience.factor = options.patience
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adopt_orphans()
    begin = time.monotonic()
    machine = about_machine()
    try:
        binary = find_binary()
        cache = Path(os.environ.get("VESTA_SPARK_CACHE", ROOT / "target" / "spark")).resolve()
        spark = install(options.spark, cache, say)
        measured = run(options, spark, binary)
    except Missing as missing:
        say(f"missing: {missing}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        end_descendants()
    if options.json:
        write_json(options.json, machine, measured)
    say(f"\n{table(measured, options.drivers)}\n")
    for values in measured:
        say(f"{values.side}: {values.what}.")
    say(f"Spark {spark.version}, Java of {spark.java_home}; {machine}; {time.monotonic() - begin:.0f} s.")
    return 0


def arguments():
    parser = argparse.ArgumentParser(
        prog="spark-compare",
        description="Measures three Vesta masters against three of Spark's own with ZooKeeper, as shipped and tuned, in "
        "turn, on this machine. Leave it alone meanwhile. Exit codes: 0 measured, 2 something is missing.",
        epilog="Environment: VESTA_BIN, the binary (built in target/release unless it is set); VESTA_SPARK_CACHE, where "
        "Spark is installed (target/spark). With root on Debian a missing Java is installed.",
    )
    parser.add_argument("--rounds", metavar="N", type=at_least_one, default=4, help="fail-overs of each side (4)")
    parser.add_argument("--loads", metavar="N", type=at_least_one, default=2, help="rounds with the drivers that wait (2)")
    parser.add_argument("--drivers", metavar="N", type=at_least_one, default=10_000, help="drivers that wait (10000)")
    parser.add_argument("--session", metavar="MS", type=at_least_one, default=1000, help="ZooKeeper's sessions, tuned (1000)")
    parser.add_argument("--quick", action="store_true", help="one round, one load of 1,000 drivers: does it work?")
    parser.add_argument("--spark", metavar="VERSION", default=DEFAULT_VERSION, help=f"of PyPI's pyspark ({DEFAULT_VERSION})")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every single value there")
    parser.add_argument("--patience", metavar="FACTOR", type=float, default=1.0, help="for a slow or busy machine")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.loads, options.drivers = 1, 1, 1000
    return options


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def say(text):
    print(text, flush=True)


@dataclass(frozen=True)
class Kind:
    """One of those that are compared."""

    name: str
    what: str
    # Makes it, in a directory.
    make: Callable[[Path], Side]


def kinds(options, spark, binary):
    """Those that are compared, Vesta first."""
    shipped, short = as_shipped(), tuned(options.session)
    durable = "answered when most of the three have flushed it to disk"
    return [
        Kind("Vesta", f"three masters with its defaults; a submission is {durable}", lambda at: Vesta(spark, at, binary)),
        Kind(
            "Spark as shipped",
            f"three masters and a ZooKeeper of three with their defaults: sessions of 40 s; a submission is {durable}",
            lambda at: SparkSide(spark, at, shipped, quiet=False),
        ),
        Kind(
            "Spark tuned",
            f"the same with sessions of {options.session} ms (ticks of {short.tick} ms), and loggers that tell errors only",
            lambda at: SparkSide(spark, at, short, quiet=True),
        ),
    ]


def run(options, spark, binary):
    """All rounds; what was measured of each kind."""
    compared = kinds(options, spark, binary)
    measured = [Values(kind.name, kind.what) for kind in compared]
    for number in range(options.rounds):
        # Nobody is always the first.
        for step in range(len(compared)):
            index = (number + step) % len(compared)
            begin = time.monotonic()
            one_round(compared[index], measured[index], options, with_load=number < options.loads)
            say(f"round {number + 1}, {compared[index].name}: {time.monotonic() - begin:.0f} s")
    return measured


def one_round(kind, values, options, with_load):
    """One side, from its start to its end, in a directory that is removed."""
    directory = Path(tempfile.mkdtemp(prefix="spark-compare-"))
    try:
        side = kind.make(directory)
        start_up(side, values)
        fail_over(side, values)
        if with_load:
            load(side, values, options.drivers)
    except Failure as failure:
        say(f"{values.side}: {failure}")
    finally:
        end_descendants()
        shutil.rmtree(directory, ignore_errors=True)


def about_machine():
    """What it all ran on."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // (1 << 20)
    system = os.uname()
    return (
        f"{os.cpu_count()} cores ({cpu.group(1) if cpu else system.machine}), {memory} GiB, "
        f"{system.sysname} {system.release}, load at the beginning {os.getloadavg()[0]:.1f}"
    )
