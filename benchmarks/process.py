"""Processes of our own."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
import traceback


def in_fresh_process[**Arguments, Result](
    function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Call a function where nothing is imported or allocated yet.

    Raises:
        RuntimeError: With the traceback of what it raised, which may not be able to leave its process.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, function, *arguments, **named).result()


def _run[**Arguments, Result](
    function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    try:
        return function(*arguments, **named)
    except Exception:
        raise RuntimeError(traceback.format_exc()) from None
