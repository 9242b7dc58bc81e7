"""The library voipms-api, which documents the vendor's address as an attribute."""

from typing import Any

from talk import talk
from voipms_api import SMS, General


class Account:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._sms, self._general = SMS(username, password), General(username, password)
        self._sms.voipms_url = self._general.voipms_url = f"{url}/rest.php"

    def balance(self) -> Any:
        """Read the balance."""
        return self._general.get_balance()

    def ip(self) -> Any:
        """Ask whether the client may use the API."""
        return self._general.test_connection()

    def messages(self, **filters: Any) -> Any:
        """List messages."""
        return self._sms.get_sms(**filters)

    def post(self, method: str, **params: str) -> Any:
        """Ask by a form in parts."""
        return self._sms.post(method, params)


if __name__ == "__main__":
    talk(Account)
