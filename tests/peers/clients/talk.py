"""What all scripts do: a client is made, its methods are called, and what they return is printed."""

from collections.abc import Callable
import json
import sys


def talk(make: Callable[..., object]) -> None:
    """Read `{"client": arguments, "calls": [[method, arguments], ...]}`, and print a list of what the calls return."""
    given = json.load(sys.stdin)
    client = make(**given["client"])
    json.dump([getattr(client, method)(**arguments) for method, arguments in given["calls"]], sys.stdout)
