"""What a run has shown, for people and for programs."""

import json
from dataclasses import asdict, dataclass


@dataclass
class Outcome:
    """What became of one case with one kind of workers."""

    spark: str
    workers: str
    case: str
    result: str
    seconds: float
    why: str = ""

    def line(self):
        why = f"  {self.why}" if self.why else ""
        return f"{self.workers:<6} {self.case:<36} {self.seconds:6.1f} s  {self.result}{why}"


def table(outcomes):
    """A row per case, a column per kind of workers."""
    kinds = list(dict.fromkeys(o.workers for o in outcomes))
    found = {(o.case, o.workers): o for o in outcomes}
    lines = [f"{'case':<36}" + "".join(f"{kind:>16}" for kind in kinds)]
    for name in dict.fromkeys(o.case for o in outcomes):
        cells = (found.get((name, kind)) for kind in kinds)
        lines.append(f"{name:<36}" + "".join(f"{cell(o):>16}" for o in cells))
    return "\n".join(lines)


def cell(outcome):
    return f"{outcome.result} {outcome.seconds:.1f} s" if outcome else "-"


def write_json(path, outcomes):
    path.write_text(json.dumps([asdict(o) for o in outcomes], indent=2) + "\n")
