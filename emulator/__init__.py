"""SMS providers to try and to test with: real HTTP on loopback, no account needed."""

from .model import Account, Message
from .server import Emulator

__all__ = ["Account", "Emulator", "Message"]
