"""The rows of the table: each is a module with a function `lines`."""

import asyncio
from importlib import import_module

from .scale import Scale
from .table import Line

ROWS = (
    "drain",
    "requests",
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
)


def measure(name: str, scale: Scale) -> list[Line]:
    """Measure a row."""
    lines: list[Line] = asyncio.run(import_module(f".{name}", __package__).lines(scale))
    return lines
