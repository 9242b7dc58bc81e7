"""ClickSend's own library, which takes the address of the server, without the version that begins its paths."""

from typing import Any

from clicksend import ApiClient, Configuration
from clicksend.api.management_api import ManagementApi
from clicksend.api.sms_api import SmsApi
from clicksend.exceptions import ApiException
from clicksend.models.create_sms_inbound_automation_request import CreateSmsInboundAutomationRequest
from clicksend.models.create_test_inbound_sms_request import CreateTestInboundSmsRequest
from clicksend.models.inbound_sms import InboundSms
from clicksend.models.send_sms_request import SendSmsRequest
from clicksend.models.update_sms_inbound_automation_request import UpdateSmsInboundAutomationRequest
from talk import talk


class ClickSend:
    """An account."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in."""
        client = ApiClient(Configuration(host=url.removesuffix("/v3"), username=username, password=password))
        self._sms = SmsApi(client)
        self._management = ManagementApi(client)

    def account(self) -> dict[str, Any]:
        """Read the account."""
        try:
            data = self._management.view_account_details().data
        except ApiException as error:
            return {"status": error.status}
        return {"id": data.user_id, "username": data.username, "timezone": data.timezone}

    def messages(self, limit: int) -> list[list[dict[str, Any]]]:
        """List messages, page by page."""
        pages = []
        while True:
            page = self._sms.view_inbound_sms(page=len(pages) + 1, limit=limit).data
            pages.append([_row(message) for message in page.data])
            if page.current_page >= page.last_page:
                return pages

    def mark_read(self, message_id: str) -> dict[str, Any]:
        """Mark a message read, and return how many rows it had."""
        try:
            answer = self._sms.mark_specific_inbound_sms_message_as_read(message_id)
        except ApiException as error:
            return {"status": error.status}
        return {"status": answer.http_code, "count": answer.data}

    def rules(self) -> list[dict[str, Any]]:
        """List the rules for inbound messages, on the first page: the library can't ask for others."""
        return [rule.to_dict() for rule in self._sms.view_sms_inbound_automations().data.data]

    def rule(self, rule_id: str) -> dict[str, Any]:
        """Read one rule."""
        try:
            return self._sms.view_sms_inbound_automation(rule_id).data.to_dict()
        except ApiException as error:
            return {"status": error.status}

    def add_rule(self, **fields: Any) -> dict[str, Any]:
        """Make a rule."""
        request = CreateSmsInboundAutomationRequest(**fields)
        answer = self._sms.create_sms_inbound_automation(create_sms_inbound_automation_request=request)
        return answer.data.to_dict()

    def change_rule(self, rule_id: str, **fields: Any) -> dict[str, Any]:
        """Change a rule."""
        request = UpdateSmsInboundAutomationRequest(**fields)
        answer = self._sms.update_sms_inbound_automation(rule_id, update_sms_inbound_automation_request=request)
        return answer.data.to_dict()

    def remove_rule(self, rule_id: str) -> int:
        """Delete a rule, and return the status."""
        try:
            return self._sms.delete_sms_inbound_automation(rule_id).http_code
        except ApiException as error:
            return error.status

    def send(self, *, messages: list[dict[str, str]]) -> dict[str, Any]:
        """Send texts, and return what is said of each."""
        try:
            data = self._sms.send_sms(send_sms_request=SendSmsRequest.from_dict({"messages": messages})).data
        except ApiException as error:
            return {"status": error.status}
        names = ("message_id", "to", "body", "custom_string", "status", "message_parts", "message_price")
        rows = [{name: getattr(message, name) for name in names} for message in data.messages]
        return {"currency": data.currency.currency_name_short, "queued": data.queued_count, "messages": rows}

    def history(self, **filters: Any) -> list[dict[str, Any]]:
        """List what was sent, on the first page."""
        names = ("message_id", "to", "body", "custom_string", "status", "status_code", "message_price", "message_parts")
        rows = self._sms.view_sms_history(limit=100, **filters).data.data
        return [{name: getattr(message, name) for name in names} for message in rows]

    def pretend(self, url: str) -> str:
        """Have a message made up, and return its id."""
        request = CreateTestInboundSmsRequest(url=url)
        return self._sms.create_test_inbound_sms(create_test_inbound_sms_request=request).data.message_id


def _row(message: InboundSms) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "sender": message.var_from,
        "recipient": message.to,
        "text": message.body,
        "time": message.timestamp,
        "in_reply_to": message.original_message_id,
    }


if __name__ == "__main__":
    talk(ClickSend)
