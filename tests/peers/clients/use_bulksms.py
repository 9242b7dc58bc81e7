"""The library bulksms, which has the vendor's address in an attribute, and a function for any call of the API."""

import json
from typing import Any
from urllib.error import HTTPError

from bulksms import BulkSMS
from talk import talk


class Account:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._client = BulkSMS(username=username, password=password)
        self._client.api_base = url

    def ask(self, resource: str, method: str = "GET", data: Any = None, **params: str) -> Any:
        """Ask for anything that is JSON, or return the status and the body of a refusal."""
        try:
            return self._client.do_send(self._client.get_url(resource, params), method=method, js=data)
        except HTTPError as error:
            return [error.code, json.loads(error.read())]

    def delete(self, resource: str) -> bool:
        """Delete something; the library expects JSON, and the answer is empty."""
        try:
            self._client.do_send(self._client.get_url(resource), method="DELETE")
        except json.JSONDecodeError as error:
            return error.doc == ""
        return False

    def status(self, message_id: str) -> list[Any]:
        """Return status and cost of a message."""
        return [self._client.msg_delivery_status(message_id), self._client.msg_cost(message_id)]


if __name__ == "__main__":
    talk(Account)
