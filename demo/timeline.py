"""What happens, as aligned lines for a person."""

import asyncio
from datetime import datetime
import re
import shutil
import time

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
DELAY = 0.4  # seconds
PROVIDER_WIDTH = 12
WHAT_WIDTH = 14


def shorten(text: str, width: int) -> str:
    """Return a text as one line of at most so many characters, without what a terminal would obey."""
    line = CONTROL.sub("·", re.sub(r"\r\n?|\n", "⏎", text))
    return line if len(line) <= width else f"{line[: width - 1]}…"


class Timeline:
    """Print what several sources tell, in the order in which it happened: each line a moment later."""

    def __init__(self) -> None:
        """Begin with nothing to print."""
        self._waiting: list[tuple[datetime, str]] = []

    def note(self, when: datetime, provider: str, what: str, text: str = "") -> None:
        """Take a line in; the text is shortened to the width of the terminal."""
        head = f"{when.astimezone():%H:%M:%S.%f}"[:-3] + f"  {provider:{PROVIDER_WIDTH}}  {what:{WHAT_WIDTH}}"
        width = max(shutil.get_terminal_size((120, 24)).columns - len(head) - 1, 20)
        self._waiting.append((when, f"{head} {shorten(text, width)}".rstrip()))

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            await asyncio.sleep(DELAY / 4)
            self.print(time.time() - DELAY)

    def print(self, until: float = float("inf")) -> None:
        """Print what happened until then (seconds since the epoch), and by default everything."""
        due = [entry for entry in self._waiting if entry[0].timestamp() <= until]
        self._waiting = [entry for entry in self._waiting if entry[0].timestamp() > until]
        for _, line in sorted(due, key=lambda entry: entry[0]):
            print(line, flush=True)
