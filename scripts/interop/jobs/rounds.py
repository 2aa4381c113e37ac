"""Rounds of a shuffle, each checked, until the file in the first argument is there."""

import os
import sys
import time

from pyspark.sql import SparkSession

stop = sys.argv[1]
least = int(sys.argv[2]) if len(sys.argv) > 2 else 3
session = SparkSession.builder.appName(os.path.basename(stop)).getOrCreate()
context = session.sparkContext
print("APPLICATION", context.applicationId, flush=True)
done = 0
while done < least or not os.path.exists(stop):
    pairs = context.parallelize(range(1000), 4).map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b)
    sums = sorted(pairs.collect())
    assert sums == [(k, sum(range(k, 1000, 10))) for k in range(10)], sums
    done += 1
    print("ROUND", done, flush=True)
    time.sleep(0.2)
session.stop()
print("DONE", flush=True)
