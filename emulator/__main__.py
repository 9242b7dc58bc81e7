"""Run the emulator: `python -m emulator`."""

import argparse
import asyncio
from datetime import timedelta
import errno
from pathlib import Path
import signal
import sys

from .handsets import ORDINARY
from .server import Emulator
from .state import offset_of
from .storage import DataFileError


def main() -> int:
    """Run until SIGINT or SIGTERM; the exit code is 1 if it can't."""
    options = _options()
    try:
        emulator = Emulator(options.hold, options.latency, options.data, options.repeat, options.clock_offset)
        emulator.handsets.usual = ORDINARY
        asyncio.run(_serve(emulator, options.host, options.port))
    except DataFileError as error:
        return _refuse(str(error))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _refuse(f"Port {options.port} is in use; choose another with --port.")
        return _refuse(f"Can't listen on {options.host}: {error.strerror}.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="SMS providers to try and to test with.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8125, help="port to listen on (%(default)s; 0: any)")
    parser.add_argument("--hold", type=float, default=30, help="seconds of a long poll (%(default)s)")
    parser.add_argument("--latency", type=float, default=0, help="seconds before every answer (%(default)s)")
    parser.add_argument("--repeat", type=float, default=5, help="seconds until a webhook is repeated (%(default)s)")
    parser.add_argument(
        "--clock-offset",
        type=_offset,
        default=timedelta(),
        metavar="SECONDS",
        help="how far the vendors' clock is ahead of this machine's (0)",
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="keep accounts and messages in this file")
    return parser.parse_args()


def _offset(text: str) -> timedelta:
    try:
        return offset_of(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve(emulator: Emulator, host: str, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await emulator.start(host, port)
    print(f"SMS emulator: {emulator.root}", flush=True)
    await ended.wait()
    await emulator.stop()


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
