"""What is on disk: one SQLite file for all accounts.

`database` owns the file and its threads, `schema` the tables and their migrations. `accounts`, `messages`, `search` and
`quarantine` are functions on a connection, which `Store.write` and `Store.read` run in one transaction each.
"""

from . import accounts, messages, quarantine, search
from .database import Store, StoreError
from .schema import Status

__all__ = ["Status", "Store", "StoreError", "accounts", "messages", "quarantine", "search"]
