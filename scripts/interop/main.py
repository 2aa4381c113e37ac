"""The program: what was asked for, one cluster per kind of workers, the cases in it, the table."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .cases import CASES
from .cluster import Cluster
from .install import Missing, install
from .processes import Failure, Patience, adopt_orphans, end_descendants
from .report import Outcome, table, write_json
from .world import World

ROOT = Path(__file__).resolve().parents[2]
WORKERS = {"jvm": ["jvm", "jvm"], "vesta": ["vesta", "vesta"], "mixed": ["jvm", "vesta"]}
DEFAULT_VERSION = "4.0.1"
LAST_LINES = 15


def main():
    options = arguments()
    if options.list:
        for one in CASES.values():
            print(f"{one.name:<36}{','.join(one.ci):<10} {one.demand}")
        return 0
    runs = chosen(options)
    Patience.factor = options.patience
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adopt_orphans()
    try:
        binary = find_binary()
        cache = Path(os.environ.get("VESTA_SPARK_CACHE", ROOT / "target" / "spark")).resolve()
        spark = install(options.spark, cache, say, not options.no_install)
        outcomes = []
        for workers, names in runs.items():
            outcomes += run_cases(binary, spark, workers, names, options.keep_logs)
    except Missing as missing:
        say(f"missing: {missing}")
        return 3
    except Failure as failure:
        say(str(failure))
        return 1
    finally:
        end_descendants()
    print()
    print(f"Spark {spark.version}")
    print(table(outcomes))
    if options.json:
        write_json(options.json, outcomes)
    return 0 if all(o.result == "ok" for o in outcomes) else 1


def arguments():
    parser = argparse.ArgumentParser(
        prog="spark-interop",
        description="Runs real Spark, unmodified, against three Vesta masters on this machine. "
        "Exit codes: 0 all ran and passed, 1 not so, 2 usage, 3 something is missing.",
        epilog="VESTA_BIN: the binary (target/release/vesta, built first). "
        "VESTA_SPARK_CACHE: where Spark is installed (target/spark).",
    )
    parser.add_argument("--spark", metavar="VERSION", default=DEFAULT_VERSION, help="default: %(default)s")
    parser.add_argument("--workers", choices=[*WORKERS, "all"], help="default: all")
    parser.add_argument("--set", choices=["ci", "all"], default="all", help="which cases, if none is named")
    parser.add_argument("--list", action="store_true", help="say what the cases demand, and end")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the outcomes there")
    parser.add_argument("--keep-logs", action="store_true", help="keep the logs of runs without failures too")
    parser.add_argument("--patience", metavar="FACTOR", type=float, default=1.0, help="for a slow or busy machine")
    parser.add_argument("--no-install", action="store_true", help="end with code 3 rather than install Spark or Java")
    parser.add_argument("cases", metavar="CASE", nargs="*")
    return parser.parse_args()


def chosen(options):
    """The names of the cases to run, by the kind of workers."""
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        print(f"no case {unknown[0]!r}; --list shows them", file=sys.stderr)
        sys.exit(2)
    kinds = list(WORKERS) if options.workers in (None, "all") else [options.workers]
    runs = {kind: [one.name for one in CASES.values() if is_wanted(one, kind, options)] for kind in kinds}
    runs = {kind: names for kind, names in runs.items() if names}
    if not runs:
        print("none of these cases is for these workers; --list shows all", file=sys.stderr)
        sys.exit(2)
    return runs


def is_wanted(one, kind, options):
    if one.needs and one.needs not in WORKERS[kind]:
        return False
    if options.cases:
        return one.name in options.cases
    return options.set == "all" or kind in one.ci


def say(text):
    print(text, flush=True)


def find_binary():
    """The binary that is tested."""
    if os.environ.get("VESTA_BIN"):
        binary = Path(os.environ["VESTA_BIN"]).resolve()
        if not os.access(binary, os.X_OK):
            raise Failure(f"VESTA_BIN={binary} is no program")
        return binary
    if not shutil.which("cargo"):
        raise Failure("there is no cargo to build vesta with, and VESTA_BIN is not set")
    say("building vesta")
    if subprocess.run(["cargo", "build", "--release", "-p", "vesta"], cwd=ROOT, check=False).returncode != 0:
        raise Failure("vesta could not be built")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return (ROOT / target / "release" / "vesta").resolve()


def run_cases(binary, spark, workers, names, keep_logs):
    """Runs the cases in one cluster with that kind of workers."""
    directory = Path(tempfile.mkdtemp(prefix="spark-interop-"))
    cluster = Cluster(binary, spark, directory)
    outcomes = []
    try:
        cluster.start(WORKERS[workers])
        for name in names:
            world = World(cluster, spark, WORKERS[workers], directory / name)
            outcomes.append(run_case(name, world, workers))
            say(outcomes[-1].line())
            if outcomes[-1].result == "FAILED":
                show_logs(world)
    except Failure as failure:
        outcomes += [Outcome(spark.version, workers, n, "FAILED", 0, str(failure)) for n in names[len(outcomes) :]]
        say(f"{workers}: {failure}")
    finally:
        cluster.stop()
        end_descendants()
    if keep_logs or any(o.result == "FAILED" for o in outcomes):
        say(f"logs: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return outcomes


def run_case(name, world, workers):
    start = time.monotonic()
    result, why = "ok", ""
    try:
        CASES[name].run(world)
    except Failure as failure:
        result, why = "FAILED", str(failure)
    except Exception as error:  # A case that can't go on is a failed one; the others are still to run.
        result, why = "FAILED", f"{type(error).__name__}: {error}"
    seconds = round(time.monotonic() - start, 1)
    world.put_in_order()
    return Outcome(world.spark.version, workers, name, result, seconds, why)


def show_logs(world):
    """The last lines that matter of what the case started."""
    for job in world.jobs:
        lines = [line for line in job.text().splitlines() if " INFO " not in line]
        say(f"--- {job.log}, the last lines that are no INFO")
        say("\n".join(lines[-LAST_LINES:]))
