"""Twilio's own library, sent elsewhere by its documented way: an HTTP client of one's own."""

from datetime import date
from typing import Any, override
from urllib.parse import parse_qsl

from talk import talk
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberInstance
from twilio.rest.api.v2010.account.message import MessageInstance
from twilio.rest.messaging.v1.service import ServiceInstance


class Elsewhere(TwilioHttpClient):
    """Asks another server what is meant for Twilio's."""

    def __init__(self, url: str) -> None:
        """Name the server."""
        super().__init__()
        self._places = {"https://api.twilio.com": url, "https://messaging.twilio.com": f"{url}/messaging"}

    @override
    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Make a request."""
        for host, place in self._places.items():
            url = url.replace(host, place, 1)
        return super().request(method, url, *args, **kwargs)


class Twilio:
    """An account."""

    def __init__(self, url: str, username: str, password: str, account: str | None = None) -> None:
        """Log in with an account's token, or with the key of an account."""
        self._client = Client(username, password, account, http_client=Elsewhere(url))
        self._account = self._client.api.v2010.accounts(account or username)
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

    def send(self, **fields: Any) -> dict[str, Any]:
        """Send a text."""
        try:
            return _row(self._client.messages.create(**fields))
        except TwilioRestException as error:
            return _refusal(error)

    def numbers(self, **filters: Any) -> list[dict[str, Any]] | dict[str, Any]:
        """List the phone numbers, all pages of them."""
        try:
            return [_number(number) for number in self._client.incoming_phone_numbers.list(**filters)]
        except TwilioException as error:
            return {"status": error.args[1].status_code}

    def change_number(self, sid: str, **fields: str) -> dict[str, Any]:
        """Change a phone number."""
        try:
            return _number(self._client.incoming_phone_numbers(sid).update(**fields))
        except TwilioRestException as error:
            return _refusal(error)

    def services(self, **filters: Any) -> list[dict[str, Any]]:
        """List the messaging services, all pages of them, with their phone numbers."""
        services = self._client.messaging.v1.services
        return [
            _service(service) | {"numbers": [number.sid for number in services(service.sid).phone_numbers.list()]}
            for service in services.list(**filters)
        ]

    def change_service(self, sid: str, **fields: Any) -> dict[str, Any]:
        """Change a messaging service."""
        try:
            return _service(self._client.messaging.v1.services(sid).update(**fields))
        except TwilioRestException as error:
            return _refusal(error)

    def sign(self, url: str, body: str, algorithm: str | None = None) -> dict[str, str]:
        """Sign a call with a form."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        return {"X-Twilio-Signature": self._validator.compute_signature(url, form, algorithm)}

    def is_signed(self, url: str, form: dict[str, str], signature: str, settings: str | None) -> bool:
        """Check a call, by what its settings say."""
        return self._validator.validate(url, form, signature, get_signature_algorithm(settings))


def _row(message: MessageInstance) -> dict[str, Any]:
    return {
        "id": message.sid,
        "sender": message.from_,
        "recipient": message.to,
        "text": message.body,
        "time": message.date_sent.isoformat() if message.date_sent else None,
        "direction": message.direction,
        "status": message.status,
    }


def _number(number: IncomingPhoneNumberInstance) -> dict[str, Any]:
    return {
        "sid": number.sid,
        "phone_number": number.phone_number,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_application_sid": number.sms_application_sid,
        "sms": number.capabilities["sms"],
    }


def _service(service: ServiceInstance) -> dict[str, Any]:
    return {
        "sid": service.sid,
        "inbound_request_url": service.inbound_request_url,
        "inbound_method": service.inbound_method,
        "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
    }


def _refusal(error: TwilioRestException) -> dict[str, Any]:
    return {"status": error.status, "code": error.code}


if __name__ == "__main__":
    talk(Twilio)
