"""The crash test's report for a person."""

from collections import Counter
from collections.abc import Sequence

from .facts import Kind
from .verdict import NOTHING, RECOVERED, SLICE, Report


def table(
    report: Report, harms: Counter[str], seed: int, seconds: float, *, answers: Sequence[int] | None = None
) -> str:
    """Return the report as lines of a name and a value.

    Args:
        report: How the messages fared.
        harms: How often what was done.
        seed: What repeats it.
        seconds: How long it took.
        answers: The status of each webhook's answer, 0 where none came; None where no webhooks were sent.
    """
    in_flight = len(report.recovered) + len(report.not_recovered)
    rows: list[tuple[str, object]] = [
        ("sent", report.sent),
        ("handed over", report.handed_over),
        *_webhooks(answers),
        ("delivered", report.delivered),
        ("  reported by the automation to a server outside", report.reported),
        ("  fired while the automation was being replaced", report.unarmed),
        ("older than their account, and silent", report.silent),
        ("flagged (redelivered: true)", report.flagged.total()),
        *((f"  after a {kind}", report.flagged[kind]) for kind in Kind if kind is not Kind.REPLACED),
        (f"  after {Kind.REPLACED}", report.flagged[Kind.REPLACED]),
        ("  recovered from what an orderly end cut off", report.flagged[RECOVERED]),
        ("  with no end before them", report.flagged[NOTHING]),
        (f"  most of one account after one kill, of {SLICE}", report.most_flagged),
        ("in flight at an end", in_flight),
        ("  of these recovered", len(report.recovered)),
        *((f"{'  of these ' * (fault == 'not recovered')}{fault}", len(keys)) for fault, keys in report.faults.items()),
        *((f"rounds: {harm}", count) for harm, count in sorted(harms.items())),
        ("seed", seed),
        ("seconds", f"{seconds:.0f}"),
    ]
    return "\n".join(f"{name:50} {value:>8}" for name, value in rows)


def _webhooks(answers: Sequence[int] | None) -> list[tuple[str, object]]:
    if answers is None:
        return []
    taken = [status for status in answers if 200 <= status < 300]
    return [("webhooks sent", len(answers)), ("  of these answered 2xx", len(taken))]
