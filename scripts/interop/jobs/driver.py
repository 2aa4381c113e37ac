"""What runs as a driver in cluster mode: notes its starts in a file, then does as it is told.

Arguments: the file; what to do: `sum` (a job, its result noted), `wait` (until it is killed), `once-failing` (the
first start fails, the second does the sum).
"""

import os
import sys
import time

notes, what = sys.argv[1:3]


def note(line):
    with open(notes, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def first_start():
    with open(notes, encoding="utf-8") as file:
        return file.read().count("START") == 1


note(f"START {os.getpid()}")
if what == "once-failing" and first_start():
    sys.exit(7)
if what == "wait":
    time.sleep(600)

from pyspark.sql import SparkSession  # noqa: E402: after what may end before

context = SparkSession.builder.appName(os.path.basename(notes)).getOrCreate().sparkContext
note(f"APPLICATION {context.applicationId}")
note(f"SUM {context.parallelize(range(1000), 4).map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b).values().sum()}")
context.stop()
