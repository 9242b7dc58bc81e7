"""The library voipms, which has the vendor's address in an attribute."""

from typing import Any

from talk import talk
from voipms import VoipMs


class Account:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._client = VoipMs(username, password)
        self._client.base_url = self._client.base_url.replace("https://voip.ms/api/v1", url, 1)

    def balance(self) -> Any:
        """Read the balance."""
        try:
            return self._client.general.get.balance()
        except TypeError as error:
            return str(error)

    def mms(self, **filters: Any) -> Any:
        """List picture messages, or return the library's sentence that there are none."""
        try:
            return self._client.dids.get.mms(**filters)
        except TypeError as error:
            return str(error)

    def numbers(self, did: int | None = None) -> Any:
        """List the numbers, or one of them, or return the library's sentence that there are none."""
        try:
            return self._client.dids.get.dids_info(did=did)
        except TypeError as error:
            return str(error)

    def set_sms(self, did: int, *, enable: bool, **settings: Any) -> Any:
        """Save the settings of a number, or return the library's sentence of a refusal."""
        try:
            return self._client.dids.set.sms(did, enable, **settings)
        except TypeError as error:
            return str(error)

    def messages(self, **filters: Any) -> Any:
        """List messages, or return the library's sentence that there are none."""
        try:
            return self._client.dids.get.sms(**filters)
        except TypeError as error:
            return str(error)


if __name__ == "__main__":
    talk(Account)
