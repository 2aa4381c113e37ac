"""Dynamic allocation: many tasks want executors, then none does.

Arguments: how many executors are wanted at the most.
"""

import sys
import time

from pyspark.sql import SparkSession

most = int(sys.argv[1])
context = SparkSession.builder.appName("growing").getOrCreate().sparkContext
print("APPLICATION", context.applicationId, flush=True)


def executors():
    # The driver is one of them.
    return context._jsc.sc().getExecutorMemoryStatus().size() - 1


def wait_for(what, condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, f"{what}: {executors()} executors"
        time.sleep(0.2)
    print(what, executors(), flush=True)


def slow(x):
    time.sleep(0.5)
    return x


most_seen = 0
for _ in range(20):
    assert context.parallelize(range(24), 24).map(slow).sum() == sum(range(24))
    most_seen = max(most_seen, executors())
    if most_seen == most:
        break
assert most_seen == most, f"never had {most} executors but {most_seen}"
print("GROWN", most_seen, flush=True)
wait_for("SHRUNK", lambda: executors() == 0)
assert context.parallelize(range(24), 4).map(slow).sum() == sum(range(24))
print("GROWN AGAIN", executors(), flush=True)
context.stop()
print("DONE", flush=True)
