"""The report about sending for a person."""

from collections import Counter

from .verdict import Report


def table(report: Report, harms: Counter[str], seed: int, seconds: float) -> str:
    """Return the report as lines of a name and a value.

    Args:
        report: How the texts fared.
        harms: How often what was done.
        seed: What repeats it.
        seconds: How long it took.
    """
    rows: list[tuple[str, object]] = [
        ("texts", report.asked),
        *((f"  answered by the action: {answer}", count) for answer, count in sorted(report.answers.items())),
        ("on phones", report.arrived),
        *((f"told at last: {status}", count) for status, count in sorted(report.last.items())),
        ("events flagged (redelivered: true)", report.flagged),
        *((fault, len(keys)) for fault, keys in report.faults.items()),
        *((f"rounds: {harm}", count) for harm, count in sorted(harms.items())),
        ("seed", seed),
        ("seconds", f"{seconds:.0f}"),
    ]
    return "\n".join(f"{name:50} {value:>8}" for name, value in rows)
