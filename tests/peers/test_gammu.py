"""Our provider for gammu's gateways reads a real gammu, with the storage of a modem."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
import re
from typing import Any

import aiohttp
import pytest

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.conftest import PASSWORD, USERNAME, poll, settle, texts

from ..live.child import Child, until
from .conftest import PATIENCE
from .programs import HOST, Programs, free_ports

SENDER = "+447700900123"
TIME = "2026-11-21T10:00:00"
LONG = "Where are you? " * 20 + "😀" + " Nobody is here…" * 12 + "\nBye | & 100% \\n"


class Modem:
    """A modem with a gateway before it."""

    def __init__(self, url: str, storage: Path, session: aiohttp.ClientSession) -> None:
        """Name the gateway's address and the folder that is the modem's storage, a file for each part of a message."""
        self.url = url
        self.storage = storage
        self._session = session

    async def receive(self, *messages: str, time: str = TIME) -> None:
        """Receive messages, all at the same time."""
        for text in messages:
            async with self._session.post("/received", json=[SENDER, text, time]) as answer:
                assert answer.status == HTTPStatus.NO_CONTENT

    async def meanwhile(self, *things: tuple[str, Any]) -> None:
        """Have things happen right after all messages were shown the next time."""
        async with self._session.post("/meanwhile", json=things) as answer:
            assert answer.status == HTTPStatus.NO_CONTENT

    async def is_up(self) -> bool:
        """Return whether the gateway answers."""
        try:
            return (await self.request("GET", "/sms"))[0] == HTTPStatus.OK
        except aiohttp.ClientConnectionError:
            return False

    async def request(self, method: str, path: str, *, password: str | None = PASSWORD) -> tuple[int, str | None, Any]:
        """Ask the gateway as another client does, and return the status, the type of the content, and the content."""
        headers = {"Authorization": aiohttp.encode_basic_auth(USERNAME, password)} if password else {}
        async with self._session.request(method, path, headers=headers) as answer:
            content = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return answer.status, answer.headers.get("Content-Type"), content

    async def submit(self, **fields: str) -> tuple[int, Any]:
        """Have a message sent as another client does, and return the status and the content of the answer."""
        headers = {"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)}
        async with self._session.post("/sms", json=fields, headers=headers) as answer:
            return answer.status, await answer.json()

    @property
    def stored(self) -> int:
        """How many parts are in the storage."""
        return len(list(self.storage.iterdir()))


@pytest.fixture
async def modem(programs: Programs, tmp_path: Path) -> AsyncGenerator[Modem]:
    """Run a gateway on an empty modem."""
    (port,) = free_ports(1)
    script = Path(__file__).with_name("gammu_gateway.py")
    folder = tmp_path / "modem"
    command = programs.command("usr/bin/python3", str(script), str(folder), str(port), USERNAME, PASSWORD)
    gateway = await Child.start(command, tmp_path / "gateway.log", cwd=tmp_path, environment=programs.python)
    url = f"http://{HOST}:{port}"
    async with aiohttp.ClientSession(url) as session:
        modem = Modem(url, folder / "sms" / "1", session)
        async with asyncio.timeout(PATIENCE):
            await until(modem.is_up)
        yield modem
    await gateway.kill()


async def test_contract(modem: Modem) -> None:
    """The gateway answers as those that people run do; else the tests below would prove nothing."""
    empty = {"Date": "", "Number": "", "State": "", "Text": ""}
    assert await modem.request("GET", "/sms") == (200, "application/json", [])
    assert await modem.request("GET", "/getsms") == (200, "application/json", empty)
    told = {"message": "Sms with id '0' not found"}
    assert await modem.request("GET", "/sms/0") == (404, "application/json", told)
    assert await modem.request("DELETE", "/sms/0") == (404, "application/json", told)
    for password in (None, "wrong"):
        assert (await modem.request("GET", "/sms", password=password))[:2] == (401, "text/html")

    await modem.receive("Hi there | pipe \\n end", "Emoji 😀 ok", LONG)
    _, _, messages = await modem.request("GET", "/sms")
    assert [message.pop("Text") for message in messages] == ["Hi there | pipe \\n end", "Emoji 😀 ok", LONG]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", message.pop("Date")) for message in messages)
    assert messages == [{"Number": SENDER, "State": "UnRead"}] * 3
    assert modem.stored > 3
    assert (await modem.request("DELETE", "/sms/0", password=None))[0] == 204
    assert (await modem.request("GET", "/getsms"))[2]["Text"] == "Emoji 😀 ok"
    assert (await modem.request("GET", "/sms/0"))[2]["Text"] == LONG
    assert (await modem.request("DELETE", "/sms/0"))[0] == 204
    assert modem.stored == 0


async def start_flow(hass: HomeAssistant, modem: Modem, **changes: Any) -> ConfigFlowResult:
    """Tell what an account is, and return what comes of it."""
    flow = await hass.config_entries.flow.async_init("sms_inbox", context={"source": SOURCE_USER})
    form = await hass.config_entries.flow.async_configure(flow["flow_id"], {"next_step_id": "gammu"})
    return await tell(hass, form, modem, **changes)


async def tell(hass: HomeAssistant, form: ConfigFlowResult, modem: Modem, **changes: Any) -> ConfigFlowResult:
    """Fill in the form of an account."""
    account = {"username": USERNAME, "password": PASSWORD, "time_zone": "UTC", "url": modem.url, "server": {}}
    result = await hass.config_entries.flow.async_configure(form["flow_id"], account | changes)
    await settle(hass)
    return result


async def add_account(hass: HomeAssistant, modem: Modem, **changes: Any) -> None:
    """Add an account, which then has looked at the modem once."""
    result = await start_flow(hass, modem, **changes)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result


async def test_arrives(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """Each message becomes one event with its whole text, two equal ones two, and then no part of it is stored."""
    await add_account(hass, modem)
    messages = ["plain", "a & b = 100% + more | \\n", "Grüße 😀", LONG, "same", "same", "two\nlines", ""]
    await modem.receive(*messages)
    assert modem.stored > len(messages)
    await poll(hass)
    assert texts(received) == messages
    assert {event.data["sender"] for event in received} == {SENDER}
    assert len({event.data["message_id"] for event in received}) == len(messages)
    assert {event.data["received_at"] for event in received} == {f"{TIME}+00:00"}
    assert modem.stored == 0
    await poll(hass)
    assert len(received) == len(messages)


async def test_cut_emoji(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """An emoji that was cut through on its way, and that gammu doesn't join, harms nothing else."""
    await add_account(hass, modem)
    await modem.receive("before", "é" * 66 + "😀 cut", "behind")
    await poll(hass)
    assert texts(received) == ["before", "é" * 66 + "\ufffd\ufffd cut", "behind"]
    assert modem.stored == 0


async def test_parts_come_slowly(hass: HomeAssistant, modem: Modem, received: list[Event[Any]], tmp_path: Path) -> None:
    """Of a long message the first part may be there before the others; it is one message all the same."""
    await add_account(hass, modem)
    text = f"Grüße! {LONG}"
    await modem.receive(text)
    late = [part.rename(tmp_path / part.name) for part in sorted(modem.storage.iterdir())[1:]]
    assert late
    await poll(hass)
    assert received == []
    for part in late:
        part.rename(modem.storage / part.name)
    await poll(hass)
    assert texts(received) == [text]
    assert modem.stored == 0


async def test_same_again_later(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """A message like one that is long gone is new."""
    await add_account(hass, modem)
    for second in range(3):
        await modem.receive("Open 😀", time=f"2026-11-21T10:00:0{second}")
        await poll(hass)
    assert texts(received) == ["Open 😀"] * 3


async def test_leaves_messages(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """Where messages are to stay they do, and are delivered once, whatever another client deletes among them."""
    await add_account(hass, modem, delete_stored=False)
    await modem.receive("same", "same", LONG)
    await poll(hass)
    await poll(hass)
    assert texts(received) == ["same", "same", LONG]
    stored = modem.stored
    assert (await modem.request("DELETE", "/sms/0"))[0] == HTTPStatus.NO_CONTENT
    await modem.receive("new 😀")
    await poll(hass)
    assert texts(received) == ["same", "same", LONG, "new 😀"]
    assert modem.stored == stored


async def test_another_client_deletes(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """Another client deletes between our look and our deleting, and new messages take the places: none is lost."""
    await add_account(hass, modem)
    later = ["fourth 😀", "fifth"]
    await modem.receive("first", LONG, "third")
    await modem.meanwhile(("delete", 2), *(("receive", (SENDER, text, TIME)) for text in later))
    await poll(hass)
    await poll(hass)
    assert texts(received) == ["first", LONG, "third", *later]
    assert modem.stored == 0


async def test_wrong_password(hass: HomeAssistant, modem: Modem) -> None:
    """A wrong password is noticed when the account is added, and the right one is taken."""
    result = await start_flow(hass, modem, password="wrong")
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {"base": "invalid_auth"})
    result = await tell(hass, result, modem)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_existing(hass: HomeAssistant, modem: Modem, received: list[Event[Any]]) -> None:
    """What is stored when the account is added is delivered if that is wanted."""
    await modem.receive("before 😀")
    await add_account(hass, modem, deliver_existing=True)
    assert texts(received) == ["before 😀"]


SENT = {
    "alphabet": "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€\f",
    "unicode": "ж ☺ 😀 ç “quoted” `",
    "160": "a" * 160,
    "161": "a" * 161,
    "euros": "€" * 160,
    "long": LONG,
    "emoji at a part's end": "ж" * 66 + "😀" + "ж" * 67,
    "blanks": "  two\r\nlines ",
}


async def test_sends(hass: HomeAssistant, modem: Modem) -> None:
    """What is sent gets to the phone unaltered, in as many parts as were announced, each text once."""
    hass.config.country = "GB"
    await add_account(hass, modem)
    [entry] = hass.config_entries.async_entries("sms_inbox")
    hass.config_entries.async_update_entry(entry, options={"sending": {"parts": 10}})
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    announced = []
    for text in SENT.values():
        [sent] = await async_send(entry, Order(recipients=[recipient_of(hass, entry, SENDER)], text=text))
        assert sent.status == "accepted"
        announced.append([SENDER, text, sent.outgoing.parts])
    assert (await modem.request("GET", "/sent"))[2] == announced
    assert modem.stored == 0


async def test_contract_of_sending(modem: Modem) -> None:
    """The gateway sends to each number with a comma between, loses letters without Unicode, and the end after a NUL."""
    reference = {"status": 200, "message": "[255]"}
    assert await modem.submit(text="ж ☺ 😀 ç", number="1") == (200, reference)
    assert await modem.submit(text="ж", number="1", unicode="false") == (200, reference)
    assert await modem.submit(text="before\0after", number="1,2") == (200, {"status": 200, "message": "[255, 255]"})
    assert (await modem.submit(text="no number"))[0] == 404
    assert (await modem.request("GET", "/sent"))[2] == [
        ["1", "? ? ?? c", 1],
        ["1", "ж", 1],
        ["1", "before", 1],
        ["2", "before", 1],
    ]
