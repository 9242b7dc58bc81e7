"""The rows of the table: each is a module with a function `lines`, which returns lines or a table of its own."""

import asyncio
from importlib import import_module

from .scale import Scale
from .table import Line, Table

ROWS = (
    "drain",
    "requests",
    "quiet",
    "automation",
    "latency",
    "webhook",
    "compare",
    "startup",
    "otherwise",
    "heartbeat",
    "store",
    "many",
    "migrate",
    "sending",
)


def measure(name: str, scale: Scale) -> list[Line] | Table:
    """Measure a row."""
    found: list[Line] | Table = asyncio.run(import_module(f".{name}", __package__).lines(scale))
    return found
