"""What is demanded, one function each; the first line of its text is the demand."""

from dataclasses import dataclass
from typing import Callable


@dataclass
class Case:
    """A case, by its function."""

    name: str
    demand: str
    run: Callable
    # With which kinds of workers it is in the set `ci`.
    ci: tuple
    # The kind of worker without which it makes no sense, if there is one.
    needs: str | None


CASES = {}


def case(*ci, needs=None):
    """Makes a function a case, named as the function."""

    def register(function):
        name = function.__name__.replace("_", "-")
        demand = function.__doc__.strip().splitlines()[0]
        CASES[name] = Case(name, demand, function, ci, needs)
        return function

    return register


# Each registers its cases, in the order in which they are run.
from . import failover, cluster_mode, allocation, examples, door  # noqa: E402,F401
