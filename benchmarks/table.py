"""The lines of the table, and how they are printed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

HEADINGS = ("what", "ours", "beside it", "ratio", "aim", "result")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: what was measured, what stands beside it, and what was aimed at."""

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """What is printed of it."""
        result = {True: "ok", False: "MISSED", None: ""}[self.met]
        return (self.what, self.ours, self.other, self.ratio, self.aim, result)


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds."""
    return f"{seconds * 1000:,.2f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def compare(
    what: str,
    ours: Iterable[float],
    other: Iterable[float],
    show: Callable[[float], str] = milliseconds,
    *,
    at_most: float | None = None,
) -> Line:
    """Return the line of two sides: the medians, and the ratio of the medians."""
    mine, theirs = median(ours), median(other)
    ratio = mine / theirs
    return Line(
        what=what,
        ours=show(mine),
        other=show(theirs),
        ratio=f"{ratio:.2f}",
        aim="" if at_most is None else f"≤ {at_most}",
        met=None if at_most is None else ratio <= at_most,
    )


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of its own, for a row whose figures don't fit into lines.

    Attributes:
        headings: Those of its columns.
        rows: Its cells.
        notes: Sentences below it.
        faults: What must not be: then the command fails.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The table in Markdown, with the notes."""
        return "\n".join([markdown(self.headings, self.rows), *(f"\n{note}" for note in self.notes)])


def table(lines: Iterable[Line]) -> str:
    """Return the lines as a table in Markdown."""
    return markdown(HEADINGS, (line.cells for line in lines))


def markdown(headings: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> str:
    """Return rows as a table in Markdown."""
    rows = [headings, *cells]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths, strict=True))} |" for row in rows)
