"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The numbers of a run.

    Attributes:
        repeats: How often the two sides of a ratio take turns.
        messages: How many wait at the provider.
        singles: How many are sent one by one.
        requested: How many webhook requests each vendor sends, at most one a second.
        polled: How many are sent to each provider at random moments, to be polled.
        backlog: How many wait in the test of the heartbeat.
        flood_seconds: How long the flood lasts.
        loads: How often the test of the heartbeat is done.
        rows: How many messages the large store has.
        rounds: How many rounds those make who are compared with `telegram_bot`.
        turns: How many single messages each of those gets.
        many: How many messages the store has that is written beside other work.
    """

    repeats: int
    messages: int
    singles: int
    requested: int
    polled: int
    backlog: int
    flood_seconds: float
    loads: int
    rows: int
    rounds: int
    turns: int
    many: int


FULL = Scale(
    repeats=7,
    messages=1000,
    singles=200,
    requested=60,
    polled=20,
    backlog=10_000,
    flood_seconds=60.0,
    loads=3,
    rows=100_000,
    rounds=5,
    turns=60,
    many=1_000_000,
)
QUICK = Scale(
    repeats=3,
    messages=200,
    singles=40,
    requested=15,
    polled=5,
    backlog=2000,
    flood_seconds=4.0,
    loads=1,
    rows=10_000,
    rounds=3,
    turns=20,
    many=50_000,
)
