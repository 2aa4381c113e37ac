"""The figures: their names, what was measured, and the table."""

import json
import statistics
from contextlib import contextmanager
from dataclasses import dataclass, field

from interop.processes import Failure


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    key: str
    text: str
    # What a value is multiplied by, and the digits after the point.
    factor: float = 1.0
    digits: int = 0
    # Whether more is better.
    more: bool = False
    # Whether the sides' medians can be compared as a ratio.
    ratio: bool = True


def rows(drivers):
    """Every row, in order."""
    per_second = {"more": True}
    return [
        Figure("alive", "leader killed → another `ALIVE` in `/json`, s", digits=2),
        Figure("executor", "… → first executor of an application submitted then, s", digits=2),
        Figure("executor_gap", "… → first executor of one submitted 0.3 s after the kill, s", digits=2),
        Figure("takeover", f"leader killed, {drivers:,} drivers wait → another `ALIVE`, s", digits=2),
        Figure("listed", "… → all of them listed by it, s", digits=2),
        Figure("left", f"… how many of the {drivers:,} are left", ratio=False, more=True),
        Figure("rate_1", "durable submissions by REST per second, 1 connection", **per_second),
        Figure("rate_8", "… 8 connections", **per_second),
        Figure("rate_32", "… 32 connections", **per_second),
        Figure("rate_fill", f"… 32 connections, up to {drivers:,} drivers waiting", **per_second),
        Figure("single", "one submission, otherwise idle cluster, ms", 1000, digits=1),
        Figure("start", "three masters started → one `ALIVE`, s", digits=2),
        Figure("store", "… before that, ZooKeeper started → it serves, s", digits=2, ratio=False),
        Figure("restart", "a killed master started again → `STANDBY`, s", digits=2),
        Figure("memory", "leader's memory at start, MiB"),
        Figure("memory_loaded", f"… {drivers:,} drivers wait"),
        Figure("memory_all", "memory of all masters (and ZooKeepers) at start, MiB"),
        Figure("memory_all_loaded", f"… {drivers:,} drivers wait"),
    ]


@dataclass
class Values:
    """What was measured of one side."""

    side: str
    what: str
    measured: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)

    def add(self, key, value):
        self.measured.setdefault(key, []).append(value)

    def fail(self, key, why):
        self.failures.setdefault(key, []).append(why)

    @contextmanager
    def failures_of(self, key):
        """A failure in here is shown in this figure's row, too."""
        try:
            yield
        except Failure as failure:
            self.fail(key, str(failure))
            raise

    def median(self, key):
        return statistics.median(self.measured[key]) if self.measured.get(key) else None

    def cell(self, figure):
        """min, median, max, how many, or the only one; and what failed."""
        values = [value * figure.factor for value in self.measured.get(figure.key, [])]
        parts = []
        if values:
            shown = [f"{value:,.{figure.digits}f}" for value in (min(values), statistics.median(values), max(values))]
            several = f"{shown[0]} / **{shown[1]}** / {shown[2]} ({len(values)})"
            parts.append(several if len(values) > 1 else f"**{shown[1]}**")
        failures = self.failures.get(figure.key, [])
        for why in dict.fromkeys(failures):
            parts.append(f"{why} ({failures.count(why)} ×)")
        return "; ".join(parts) or "-"


def table(all_values, drivers):
    """The table, as Markdown: the first side, then each other with how many times better the first is."""
    ours, others = all_values[0], all_values[1:]
    head = ["min / **median** / max (n)", ours.side]
    for values in others:
        head += [values.side, "ratio"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for figure in rows(drivers):
        cells = [figure.text, ours.cell(figure)]
        for values in others:
            cells += [values.cell(figure), ratio(figure, ours, values)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratio(figure, ours, others):
    """How many times better the first side's median is; below 1 it is worse."""
    mine, theirs = ours.median(figure.key), others.median(figure.key)
    if not figure.ratio or not mine or not theirs:
        return ""
    times = mine / theirs if figure.more else theirs / mine
    return f"{times:,.0f} ×" if times >= 9.95 else f"{times:.1f} ×"


def write_json(path, machine, all_values):
    sides = [{"side": v.side, "what": v.what, "values": v.measured, "failures": v.failures} for v in all_values]
    path.write_text(json.dumps({"machine": machine, "sides": sides}, indent=2) + "\n")
