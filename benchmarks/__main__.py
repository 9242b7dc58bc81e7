"""Measure and print: `python -m benchmarks`."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
import os
from pathlib import Path
import platform
import sqlite3
import sys

from .process import in_fresh_process
from .rows import ROWS, measure
from .scale import FULL, QUICK
from .table import Line, Table, table


def machine() -> str:
    """Return what it was measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    named = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    processor = named[0].partition(": ")[2] if named else platform.machine()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {processor}, {platform.system()}; "
        f"Python {platform.python_version()}, Home Assistant {version('homeassistant')}, "
        f"aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version}"
    )


def main() -> int:
    """Print the table; the exit code tells only whether everything could be measured."""
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--row", choices=ROWS, action="append")
    parser.add_argument("--polled", type=int)
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    if options.polled is not None:
        scale = replace(scale, polled=options.polled)
    print(f"{machine()}\n", flush=True)
    lines: list[Line] = []
    tables: list[Table] = []
    for name in options.row or ROWS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        match in_fresh_process(measure, name, scale):
            case Table() as found:
                tables.append(found)
            case found:
                lines += found
    print("\n\n".join([*([table(lines)] if lines else []), *(each.shown for each in tables)]))
    faults = [fault for each in tables for fault in each.faults]
    for fault in faults:
        print(f"FAILED: {fault}.", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
