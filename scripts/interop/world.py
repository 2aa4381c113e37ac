"""What a case has: a cluster with workers, a Spark, a directory for its logs."""

import signal
from contextlib import contextmanager
from pathlib import Path

from .job import Job
from .processes import Failure, Process, wait_until

JOBS = Path(__file__).resolve().parent / "jobs"


class World:
    """The surroundings of one case."""

    def __init__(self, cluster, spark, kinds, directory):
        self.cluster = cluster
        self.spark = spark
        self.kinds = kinds
        self.directory = directory
        self.jobs = []
        directory.mkdir()

    def job(self, name, program, *arguments, options=None):
        """Starts a job of this program's own, in client mode."""
        return Job(self, name, JOBS / program, *arguments, options=options)

    def example(self, path, *arguments, options=None, directory=None):
        """Starts one of Spark's own examples, in Spark's home or another directory."""
        name = path.replace("/", "-").removesuffix(".py")
        return Job(self, name, self.spark.example(path), *arguments, options=options, directory=directory)

    def process(self, name, command, environment=None):
        """Starts a program of Spark's; `environment` is added to that of Spark's programs."""
        log = self.directory / f"{name}.log"
        environment = self.spark.environment() | (environment or {})
        process = Process(name, command, log, environment=environment, directory=self.spark.home)
        self.jobs.append(process)
        return process

    @contextmanager
    def running_job(self, name="job", least=3, options=None):
        """A job in the middle: some rounds are done, and it goes on until the end of the block, and then well."""
        stop = self.directory / f"{name}.stop"
        job = self.job(name, "rounds.py", stop, least, options=options)
        job.wait_for_round(3, 180)
        yield job
        job.wait_for_round(job.rounds() + 3, 120)
        stop.touch()
        job.succeed(120)

    def expect_no_executor_lost(self, job, before):
        """Its executors are those of before, and no one is gone."""
        lost, after = job.lost(), job.granted()
        if lost:
            raise Failure(f"{job.name} lost executors: {lost[0].strip()[:200]}")
        if after != before:
            raise Failure(f"{job.name} had the executors {before}, then {after}")

    def application(self, app_id):
        """What the masters say of an application, running or ended."""
        for one in self.cluster.list("apps", "--all"):
            if app_id in (one.get("id"), one.get("app_id")):
                return one
        raise Failure(f"the masters do not know {app_id}")

    def expect_ended(self, app_id, state="FINISHED"):
        """The application ends up in that state at the masters."""
        last = []

        def ended():
            last[:] = [self.application(app_id)["state"]]
            return last == [state]

        try:
            wait_until(f"{app_id} is {state}", 15, ended)
        except Failure as failure:
            raise Failure(f"{failure}; it is {last}") from None

    def drivers(self):
        return self.cluster.list("drivers", "--all")

    def put_in_order(self):
        """After a case: its jobs end, all masters run, and nothing holds cores."""
        for job in self.jobs:
            if job.runs():
                job.send(signal.SIGKILL)
                job.popen.wait()
        self.cluster.mend()
        self.cluster.clear()
