"""Processes of our own."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
import multiprocessing


def in_fresh_process[**Arguments, Result](
    function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Call a function where nothing is imported or allocated yet."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()
