"""Structured streaming with the rate source: three batches at least, and the values without a gap."""

import time

from pyspark.sql import SparkSession

session = SparkSession.builder.appName("stream").getOrCreate()
print("APPLICATION", session.sparkContext.applicationId, flush=True)
rate = session.readStream.format("rate").option("rowsPerSecond", 20).option("numPartitions", 2).load()
query = rate.writeStream.format("memory").queryName("seen").trigger(processingTime="1 second").start()
end = time.monotonic() + 120
while not (query.lastProgress and query.lastProgress["batchId"] >= 3 and session.table("seen").count() >= 40):
    assert time.monotonic() < end, query.status
    time.sleep(0.5)
query.stop()
values = sorted(row.value for row in session.table("seen").select("value").collect())
assert values == list(range(len(values))), values[:50]
print("VALUES", len(values), flush=True)
session.stop()
print("DONE", flush=True)
