"""A stage with resources of its own: it runs in executors of its profile alone."""

from pyspark.resource import ExecutorResourceRequests, ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession

context = SparkSession.builder.appName("profile").getOrCreate().sparkContext
print("APPLICATION", context.applicationId, flush=True)


def where(_):
    import os

    from pyspark import TaskContext

    yield TaskContext.get().cpus(), os.environ.get("SPARK_EXECUTOR_DIRS", "")


usual = context.parallelize(range(4), 2).mapPartitions(where).collect()
assert [cpus for cpus, _ in usual] == [1, 1], usual
builder = ResourceProfileBuilder()
builder.require(ExecutorResourceRequests().cores(2).memory("640m"))
builder.require(TaskResourceRequests().cpus(2))
profile = builder.build
special = context.parallelize(range(4), 2).withResources(profile).mapPartitions(where).collect()
assert [cpus for cpus, _ in special] == [2, 2], special
print("PROFILE", profile.id, flush=True)
context.stop()
print("DONE", flush=True)
