"""What is on disk: one SQLite file for all accounts.

`database` owns the file and its threads, `schema` the tables and their migrations. `accounts`, `messages`, `outgoing`,
`transitions`, `search`, `sent` and `quarantine` are functions on a connection; `Store.write` and `Store.read` run each
of them in one transaction.
"""

from . import accounts, messages, outgoing, quarantine, search, sent, transitions
from .database import Store, StoreError
from .schema import Status

__all__ = [
    "Status",
    "Store",
    "StoreError",
    "accounts",
    "messages",
    "outgoing",
    "quarantine",
    "search",
    "sent",
    "transitions",
]
