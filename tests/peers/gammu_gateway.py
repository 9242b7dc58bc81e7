"""A REST server on a modem, with the contract of the gateways to gammu that people run.

`gammu_gateway.py FOLDER PORT USERNAME PASSWORD`, run by the Python of the packages. Beside the contract a POST to
/received, `[sender, text, time]`, has the modem receive a message; one to /meanwhile, a list of `["receive",
[sender, text, time]]` and `["delete", index]`, has this happen right after all messages were shown the next time; and a
GET of /sent shows what was sent, as phones get it.
"""

import base64
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
import json
from pathlib import Path
import re
import sys
from typing import Any

from gammu_modem import Modem, text_of

NOTHING = {"Date": "", "Number": "", "State": "", "Text": ""}


class Gateway(HTTPServer):
    """The server, its modem, and who may use it."""

    def __init__(self, modem: Modem, port: int, username: str, password: str) -> None:
        """Listen."""
        super().__init__(("127.0.0.1", port), Handler)
        self.modem = modem
        self.meanwhile: list[list[Any]] = []
        self.authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Gateway

    def do_GET(self) -> None:
        """Show all messages, or one; or take the first one out."""
        if self.headers["Authorization"] != self.server.authorization:
            self._answer(HTTPStatus.UNAUTHORIZED, "text/html", b"Unauthorized Access")
        elif self.path == "/sms":
            self._answer_json(HTTPStatus.OK, [_shown(message) for message in self.server.modem.messages()])
            self._meanwhile()
        elif self.path == "/sent":
            self._answer_json(HTTPStatus.OK, self.server.modem.sent)
        elif self.path == "/getsms":
            first = self.server.modem.messages()[:1]
            self._answer_json(HTTPStatus.OK, _shown(first[0]) if first else NOTHING)
            for message in first:
                self.server.modem.delete(message)
        elif message := self._chosen():
            self._answer_json(HTTPStatus.OK, _shown(message))

    def do_DELETE(self) -> None:
        """Delete a message; the contract asks for no password here."""
        if message := self._chosen():
            self.server.modem.delete(message)
            self._answer(HTTPStatus.NO_CONTENT, "application/json", b"")

    def do_POST(self) -> None:
        """Send a message; or have the modem receive one, or another client do something later."""
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/sms":
            self._send(data)
            return
        if self.path == "/received":
            self.server.modem.receive(*data)
        else:
            self.server.meanwhile = data
        self._answer(HTTPStatus.NO_CONTENT, "application/json", b"")

    def _send(self, data: dict[str, Any]) -> None:
        """Send a message to all numbers, which commas separate; the value of `unicode` is none, or counts as true."""
        if self.headers["Authorization"] != self.server.authorization:
            self._answer(HTTPStatus.UNAUTHORIZED, "text/html", b"Unauthorized Access")
        elif data.get("text") is None or data.get("number") is None:
            self._answer_json(HTTPStatus.NOT_FOUND, {"message": "Parameters 'text' and 'number' are required."})
        else:
            references = [
                reference
                for number in data["number"].split(",")
                for reference in self.server.modem.send(number, data["text"], unicode=bool(data.get("unicode")))
            ]
            self._answer_json(HTTPStatus.OK, {"status": 200, "message": str(references)})

    def _meanwhile(self) -> None:
        """Do what another client was to do now."""
        for what, data in self.server.meanwhile:
            if what == "receive":
                self.server.modem.receive(*data)
            else:
                self.server.modem.delete(self.server.modem.messages()[data])
        self.server.meanwhile = []

    def _chosen(self) -> list[dict] | None:
        """Return the message that the path names, or answer that there is none."""
        number = re.fullmatch(r"/sms/(\d+)", self.path)
        messages = self.server.modem.messages()
        if number and int(number[1]) < len(messages):
            return messages[int(number[1])]
        told = f"Sms with id '{number[1]}' not found" if number else "The requested URL was not found on the server."
        self._answer_json(HTTPStatus.NOT_FOUND, {"message": told})
        return None

    def _answer_json(self, status: HTTPStatus, data: Any) -> None:
        self._answer(status, "application/json", json.dumps(data).encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="Authentication Required"')
        self.end_headers()
        self.wfile.write(body)


def _shown(message: list[dict]) -> dict[str, str]:
    """Return a message as the contract shows it."""
    first = message[0]
    return {
        "Date": str(first["DateTime"]),
        "Number": first["Number"],
        "State": first["State"],
        "Text": text_of(message),
    }


if __name__ == "__main__":
    Gateway(Modem(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3], sys.argv[4]).serve_forever()
