"""What every script does around its work: look at the ports, and end in order."""

import argparse
import asyncio
from collections.abc import Coroutine
import signal
import sys

from .child import ChildError, port_is_free

INTERRUPTED = 130


def check_ports(options: argparse.Namespace) -> None:
    """Raise ChildError if a port that was chosen can't be used."""
    for port, name in ((options.port, "--port"), (options.emulator_port, "--emulator-port")):
        if not port_is_free(port):
            raise ChildError(f"Port {port} is in use; choose another one with {name}.")
    if options.port == options.emulator_port:
        raise ChildError("Home Assistant and the emulator need different ports; see --port and --emulator-port.")


def run(work: Coroutine[None, None, bool], *, interrupted: int = INTERRUPTED) -> int:
    """Do the work and return the exit code: 0 if it returns true, 1 if false or for a ChildError, which is printed.

    Args:
        work: What to do; SIGINT and SIGTERM cancel it.
        interrupted: The exit code after that.
    """
    try:
        return 0 if asyncio.run(_interruptible(work)) else 1
    except asyncio.CancelledError, KeyboardInterrupt:
        return interrupted
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1


async def _interruptible(work: Coroutine[None, None, bool]) -> bool:
    task = asyncio.current_task()
    assert task

    def interrupt() -> None:
        # Once: a second Ctrl-C must not cut the orderly end short.
        if not task.cancelling():
            print("\nStopping ...", flush=True)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    return await work
