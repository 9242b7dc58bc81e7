"""The library voipms-api, which documents the vendor's address as an attribute."""

from typing import Any

from talk import talk
from voipms_api import SMS, DIDs, General


class Account:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._sms, self._general, self._dids = (kind(username, password) for kind in (SMS, General, DIDs))
        for client in (self._sms, self._general, self._dids):
            client.voipms_url = f"{url}/rest.php"

    def balance(self) -> Any:
        """Read the balance."""
        return self._general.get_balance()

    def ip(self) -> Any:
        """Ask whether the client may use the API."""
        return self._general.test_connection()

    def address(self) -> Any:
        """Ask which address the client has."""
        return self._general.get_ip()

    def numbers(self, did: str | None = None) -> Any:
        """List the numbers, or one of them."""
        return self._dids.get_dids_info(did=did)

    def messages(self, **filters: Any) -> Any:
        """List messages."""
        return self._sms.get_sms(**filters)

    def post(self, method: str, **params: str) -> Any:
        """Ask by a form in parts."""
        return self._sms.post(method, params)


if __name__ == "__main__":
    talk(Account)
