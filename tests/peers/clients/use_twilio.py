"""Twilio's own library, sent elsewhere by its documented way: an HTTP client of one's own."""

from datetime import date
from typing import Any, override

from talk import talk
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance


class Elsewhere(TwilioHttpClient):
    """Asks another server what is meant for Twilio's."""

    def __init__(self, url: str) -> None:
        """Name the server."""
        super().__init__()
        self._url = url

    @override
    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Make a request."""
        return super().request(method, url.replace("https://api.twilio.com", self._url, 1), *args, **kwargs)


class Twilio:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        self._client = Client(username, password, http_client=Elsewhere(url))
        self._account = self._client.api.v2010.accounts(username)
        self._validator = RequestValidator(password)

    def account(self) -> dict[str, Any]:
        """Read the account."""
        try:
            account = self._account.fetch()
        except TwilioRestException as error:
            return _refusal(error)
        return {"sid": account.sid, "status": account.status, "created": account.date_created.isoformat()}

    def messages(self, **filters: Any) -> list[dict[str, Any]] | dict[str, Any]:
        """List messages, all pages of them; a filter by time is a day (ISO 8601)."""
        days = {name: date.fromisoformat(value) for name, value in filters.items() if name.startswith("date_")}
        try:
            return [_row(message) for message in self._client.messages.list(**filters | days)]
        except TwilioException as error:  # of a list it tells no more than the answer
            return {"status": error.args[1].status_code}

    def message(self, sid: str) -> dict[str, Any]:
        """Read one message."""
        try:
            return _row(self._client.messages(sid).fetch())
        except TwilioRestException as error:
            return _refusal(error)

    def is_signed(self, url: str, form: dict[str, str], signature: str) -> bool:
        """Check a call."""
        return self._validator.validate(url, form, signature)


def _row(message: MessageInstance) -> dict[str, Any]:
    return {
        "id": message.sid,
        "sender": message.from_,
        "recipient": message.to,
        "text": message.body,
        "time": message.date_sent.isoformat(),
        "direction": message.direction,
        "status": message.status,
    }


def _refusal(error: TwilioRestException) -> dict[str, Any]:
    return {"status": error.status, "code": error.code}


if __name__ == "__main__":
    talk(Twilio)
