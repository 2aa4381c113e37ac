"""Examples that come with Spark, and streaming."""

import re

from . import case
from ..processes import Failure


def expect_text(job, pattern, seconds=240):
    """The example ends well and has written what it should."""
    job.succeed(seconds)
    if not re.search(pattern, job.text()):
        raise Failure(f"{job.name} did not write {pattern!r} ({job.log})")


@case("vesta")
def example_pi(world):
    """Spark's pi.py says that pi is roughly 3.1."""
    expect_text(world.example("pi.py", 4), r"Pi is roughly 3\.1")


@case()
def example_wordcount(world):
    """Spark's wordcount.py counts the words of a file."""
    text = world.directory / "words.txt"
    text.write_text("to be or not to be\n" * 50)
    expect_text(world.example("wordcount.py", text), r"(?m)^to: 100$")


@case()
def example_als(world):
    """Spark's als.py factors a matrix."""
    expect_text(world.example("als.py", 20, 30, 5, 2, 4), r"Iteration 1:\s+RMSE: \d")


@case()
def example_kmeans(world):
    """Spark's kmeans.py finds the two centers of Spark's data."""
    data = world.spark.home / "data/mllib/kmeans_data.txt"
    expect_text(world.example("kmeans.py", data, 2, 0.1), r"Final centers: .*array")


@case()
def example_pagerank(world):
    """Spark's pagerank.py ranks the pages of Spark's data: 2.4832 for the first after three iterations."""
    data = world.spark.home / "data/mllib/pagerank_data.txt"
    expect_text(world.example("pagerank.py", data, 3), r"(?m)^1 has rank: 2\.4832")


@case()
def example_transitive_closure(world):
    """Spark's transitive_closure.py closes its graph: 6816 edges."""
    # Without it the partitions more than double with each of its rounds, and small tasks take minutes.
    options = {"spark.default.parallelism": "2"}
    expect_text(world.example("transitive_closure.py", 2, options=options), r"TC has 6816 edges", 400)


@case()
def example_sql(world):
    """Spark's sql/basic.py queries people by columns, by SQL and through views."""
    # The example reads these below the directory in which it is started; Spark's package does not bring them.
    resources = world.directory / "examples/src/main/resources"
    resources.mkdir(parents=True)
    (resources / "people.json").write_text('{"name":"Michael"}\n{"name":"Andy","age":30}\n{"name":"Justin","age":19}\n')
    (resources / "people.txt").write_text("Michael, 29\nAndy, 30\nJustin, 19\n")
    job = world.example("sql/basic.py", directory=world.directory)
    expect_text(job, r"(?m)^Name: Justin$")


@case()
def structured_streaming(world):
    """Structured streaming from the rate source gives every value once."""
    job = world.job("stream", "rate_stream.py")
    job.succeed(300)
    world.expect_ended(job.application())
