"""The library elks, which takes the address of the server; it is of Python 2, of which it needs one name."""

import builtins
import sys
from typing import Any

from talk import talk

builtins.basestring = str
sys.modules["__builtin__"] = builtins

from elks import ElksException, ElksRestClient  # noqa: E402 - not before the name is there


class Account:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._client = ElksRestClient(username, password, base=f"{url}/")

    def ask(self, path: str, method: str = "GET", **fields: str) -> Any:
        """Ask for anything, or return the library's sentence of a refusal."""
        try:
            return self._client.request(path, method, fields)
        except ElksException as error:
            return str(error)

    def messages(self, path: str = "sms", **filters: str) -> list[list[dict[str, Any]]]:
        """List messages, page by page into the past."""
        pages = []
        while True:
            page = self._client.request(path, vars=filters)
            pages.append(page["data"])
            if "next" not in page:
                return pages
            filters["start"] = page["next"]


if __name__ == "__main__":
    talk(Account)
