"""Libraries that others wrote, the vendors' own among them, read from the emulator what was sent to it.

Each runs in a process of its own with the Python of .venv-peers, and none of its files is changed; how it is sent to
the emulator stands at the top of its script in `clients/`. Twilio and ClickSend have libraries of their own; for the
others these are what the package indexes have that can read. There is none for the EAPI: `django-bulksms` only sends.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from emulator import Account, Emulator, twilio_account as state
from emulator.elks import number as elks_number
from emulator.voipms import SETTINGS, make_number
from tests.conftest import PASSWORD, USERNAME

from .conftest import PATIENCE
from .libraries import Call, ask_library

SENDER, RECIPIENT = "+14042550000", "+12052550000"
SID = "AC0123456789abcdef0123456789abcdef"
TIME = datetime(2026, 11, 20, 23, 50, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")
TEXTS = (
    "Hello",
    "",
    "Grüße an alle 😀👩‍👩‍👧 שלום 你好",
    "a & b = 100% + more | \\n #1? <x> \"y\" 'z' / {0} %2B &amp; &id=7",
    "The quick brown fox jumps over the lazy dog, " * 40 + "and smiles 😀",
    "two\nlines\r\nand\ta tab",
    " blanks around ",
    *(f"One of many: {number}" for number in range(33)),
)

type Rows = list[dict[str, Any]]


def arrive(account: Account, sender: str = SENDER, recipient: str = RECIPIENT) -> Rows:
    """Send the texts, a minute after one another and across midnight, and return what a client must see of them."""
    rows = []
    for number, text in enumerate(TEXTS):
        time = TIME + timedelta(minutes=number)
        id_ = account.send(text, sender=sender, recipient=recipient, received_at=time).message_id
        rows.append({"id": id_, "sender": sender, "recipient": recipient, "text": text, "time": time})
    return rows


async def ask(emulator: Emulator, script: str, account: Account, *calls: Call, password: str = PASSWORD) -> list[Any]:
    """Have a script of `clients/` ask for an account, and return what its methods return."""
    client = {"url": emulator.url(account.provider), "username": account.username, "password": password}
    return await ask_library(f"use_{script}.py", client, *calls)


@pytest.fixture
def twilio(emulator: Emulator) -> Account:
    """Return an account at Twilio."""
    return emulator.add_account("twilio", SID, PASSWORD)


async def test_twilio_messages(emulator: Emulator, twilio: Account) -> None:
    """Twilio's library lists all pages, the newest first, finds messages by day and number, and reads one."""
    rows = arrive(twilio)
    sent = twilio.send("sent", sender=RECIPIENT, recipient=SENDER, received_at=TIME - timedelta(days=3), sent=True)
    expected = [
        {**row, "time": row["time"].isoformat(), "direction": "inbound", "status": "received"} for row in reversed(rows)
    ]
    everything, first, second, until, since, to, nothing, one, unknown = await ask(
        emulator,
        "twilio",
        twilio,
        ("messages", {"page_size": 7}),
        ("messages", {"date_sent": "2026-11-20"}),
        ("messages", {"date_sent": "2026-11-21"}),
        ("messages", {"date_sent_before": "2026-11-20"}),
        ("messages", {"date_sent_after": "2026-11-21", "page_size": 4}),
        ("messages", {"to": RECIPIENT, "from_": SENDER, "limit": 3}),
        ("messages", {"to": "+15005550006"}),
        ("message", {"sid": rows[3]["id"]}),
        ("message", {"sid": f"SM{'0' * 32}"}),
    )
    assert everything[:-1] == expected
    assert (everything[-1]["id"], everything[-1]["direction"]) == (sent.message_id, "outbound-api")
    assert (first, second) == (expected[-10:], expected[:-10])
    assert (until, since) == (everything[-11:], second)
    assert (to, nothing) == (expected[:3], [])
    assert one == expected[-4]
    assert unknown == {"status": 404, "code": 20404}


async def test_twilio_credentials(emulator: Emulator, twilio: Account) -> None:
    """Twilio's library reads the account, and takes a wrong token for what it is."""
    account, none = await ask(emulator, "twilio", twilio, ("account", {}), ("messages", {}))
    assert (account["sid"], account["status"], none) == (SID, "active", [])
    refused = await ask(emulator, "twilio", twilio, ("account", {}), ("messages", {}), password="wrong")
    assert refused == [{"status": 401, "code": 20003}, {"status": 401}]


async def test_twilio_keys(emulator: Emulator, twilio: Account) -> None:
    """Twilio's library logs in with API keys, which may do what their kind may."""
    state.add_key(twilio, "SKmain", "s1", "main")
    state.add_key(twilio, "SKstandard", "s2")
    state.add_key(twilio, "SKrestricted", "s3", "restricted", ["messages"])
    rows = arrive(twilio)
    calls: tuple[Call, ...] = ("account", {}), ("messages", {"limit": 1}), ("numbers", {})
    url = emulator.url("twilio")

    async def with_key(sid: str, secret: str) -> list[Any]:
        client = {"url": url, "username": sid, "password": secret, "account": SID}
        account, messages, numbers = await ask_library("use_twilio.py", client, *calls)
        return [account.get("sid", account), messages[0]["id"] if isinstance(messages, list) else messages, numbers]

    numbers = (await with_key("SKmain", "s1"))[2]
    refused = {"status": 401, "code": 20003}
    assert [number["phone_number"] for number in numbers] == [state.FIRST_NUMBER]
    assert await with_key("SKmain", "s1") == [SID, rows[-1]["id"], numbers]
    assert await with_key("SKstandard", "s2") == [refused, rows[-1]["id"], numbers]
    assert await with_key("SKrestricted", "s3") == [refused, rows[-1]["id"], {"status": 401}]
    assert await with_key("SKstandard", "wrong") == [refused, {"status": 401}, {"status": 401}]


async def test_twilio_numbers(emulator: Emulator, twilio: Account) -> None:
    """Twilio's library lists phone numbers page by page and sets an address, which leaves the others alone."""
    for last in range(5):
        state.add_number(twilio, f"+4477123456{last}0", sms_url="https://before.example/")
    rows = [
        {
            "sid": row["sid"],
            "phone_number": row["phone_number"],
            "sms_url": row["sms_url"],
            "sms_method": "POST",
            "sms_application_sid": "",
            "sms": True,
        }
        for row in state.numbers_of(twilio)
    ]
    url = "https://ha.example/api/webhook/abc?a=1&b=%2B#rc=5&rp=all"
    sid = rows[3]["sid"]
    listed, changed, after, removed, unchanged, bad, unknown = await ask(
        emulator,
        "twilio",
        twilio,
        ("numbers", {"page_size": 2}),
        ("change_number", {"sid": sid, "sms_url": url, "sms_method": "POST"}),
        ("numbers", {}),
        ("change_number", {"sid": sid, "sms_url": ""}),
        ("change_number", {"sid": sid}),
        ("change_number", {"sid": sid, "sms_url": "nonsense"}),
        ("change_number", {"sid": f"PN{'0' * 32}", "sms_url": url}),
    )
    assert len(listed) == 5
    assert listed == rows
    assert changed == rows[3] | {"sms_url": url}
    assert after == [*rows[:3], changed, rows[4]]
    assert removed == unchanged == rows[3] | {"sms_url": ""}
    assert bad == {"status": 400, "code": 21502}
    assert unknown == {"status": 404, "code": 20404}


async def test_twilio_services(emulator: Emulator, twilio: Account) -> None:
    """Twilio's library lists messaging services page by page, with their numbers, and changes one."""
    numbers = [state.add_number(twilio, f"+4477123456{last}0") for last in range(2)]
    services = [state.add_service(twilio, f"Service {number}", numbers[:number]) for number in range(3)]
    url = "https://ha.example/api/webhook/abc"
    listed, changed, deferred, unknown = await ask(
        emulator,
        "twilio",
        twilio,
        ("services", {"page_size": 2}),
        ("change_service", {"sid": services[1]["sid"], "inbound_request_url": url}),
        ("change_service", {"sid": services[2]["sid"], "use_inbound_webhook_on_number": True}),
        ("change_service", {"sid": f"MG{'0' * 32}", "inbound_request_url": url}),
    )
    expected = [
        {
            "sid": service["sid"],
            "inbound_request_url": None,
            "inbound_method": "POST",
            "use_inbound_webhook_on_number": False,
        }
        for service in services
    ]
    members = [[number["sid"] for number in numbers[:count]] for count in range(3)]
    assert listed == [row | {"numbers": sids} for row, sids in zip(expected, members, strict=True)]
    assert changed == expected[1] | {"inbound_request_url": url}
    assert deferred == expected[2] | {"use_inbound_webhook_on_number": True}
    assert unknown == {"status": 404, "code": 20404}


async def calls_of(account: Account) -> list[tuple[str, str, dict[str, str]]]:
    """Return the calls of an account with the odd texts: address, body and headers."""
    calls: asyncio.Queue[tuple[str, str, dict[str, str]]] = asyncio.Queue()

    async def called(request: web.Request) -> web.Response:
        await calls.put((account.callback, await request.text(), dict(request.headers)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/called", called)
    async with TestServer(app) as server, asyncio.timeout(PATIENCE):
        account.callback = str(server.make_url("/called?a=1&b=%2B"))
        for text in TEXTS[:7]:
            account.send(text, sender=SENDER, recipient=RECIPIENT)
        return [await calls.get() for _ in TEXTS[:7]]


@pytest.mark.parametrize("shared_key", [None, "HMAC_SHA256", "HMAC_SHA1"])
async def test_twilio_signature(emulator: Emulator, twilio: Account, shared_key: str | None) -> None:
    """Twilio's library finds the calls of the emulator signed with the token, or a SharedKey, and no others."""
    key = "shared-secret" if shared_key else PASSWORD
    if shared_key:
        twilio.extra["shared_key"] = {"sid": "webhooks_sharedkey_1", "secret": key, "algorithm": shared_key}
    made = [
        (url, dict(parse_qsl(body, keep_blank_values=True)), headers["X-Twilio-Signature"])
        for url, body, headers in await calls_of(twilio)
    ]
    settings = f"key=webhooks_sharedkey_1,algorithm={shared_key}" if shared_key else None
    assert sorted(form["Body"] for _, form, _ in made) == sorted(TEXTS[:7])
    url, form, signature = made[0]
    forged = (
        (url, form | {"Body": "Open the gate"}, signature),
        (f"{url}0", form, signature),
        (url, form, signature.swapcase()),
    )
    checks: list[Call] = [
        ("is_signed", {"url": url, "form": form, "signature": signature, "settings": settings})
        for url, form, signature in (*made, *forged)
    ]
    answers = await ask(emulator, "twilio", twilio, *checks, password=key)
    assert answers == [True] * len(made) + [False] * len(forged)
    assert await ask(emulator, "twilio", twilio, checks[0], password="wrong") == [False]


@pytest.mark.parametrize(("handler", "method"), [("swml", "is_signed"), ("cxml", "is_form_signed")])
async def test_signalwire_signature(twilio: Account, handler: str, method: str) -> None:
    """SignalWire's library finds the calls of the emulator signed with the signing key, and no others."""
    twilio.extra["handler"] = handler
    twilio.signing_key = "PSK_key"
    made = await calls_of(twilio)
    forged = [(f"{url}0", body, headers) for url, body, headers in made[:1]]
    forged += [(url, body.replace("H", "h"), headers) for url, body, headers in made if "Hello" in body]
    checks: list[Call] = [
        (method, {"url": url, "body": body, "headers": headers}) for url, body, headers in (*made, *forged)
    ]
    answers = await ask_library("sign_signalwire.py", {"key": twilio.signing_key}, *checks)
    assert answers == [True] * 7 + [False] * 2
    assert await ask_library("sign_signalwire.py", {"key": "wrong"}, checks[0]) == [False]


@pytest.fixture
def clicksend(emulator: Emulator) -> Account:
    """Return an account at ClickSend."""
    return emulator.add_account("clicksend", USERNAME, PASSWORD)


async def test_clicksend_messages(emulator: Emulator, clicksend: Account) -> None:
    """ClickSend's library lists all pages, and none; a message that it marks read leaves the list."""
    calls = ("messages", {"limit": 15}), ("messages", {"limit": 100})
    assert await ask(emulator, "clicksend", clicksend, *calls) == [[[]], [[]]]
    rows = arrive(clicksend)
    rows.append({**rows[0], "time": TIME + timedelta(hours=1), "text": "Yes", "in_reply_to": "A-1"})
    rows[-1]["id"] = clicksend.send(
        "Yes", sender=SENDER, recipient=RECIPIENT, received_at=rows[-1]["time"], in_reply_to="A-1"
    ).message_id
    expected = [{"in_reply_to": None, **row, "time": int(row["time"].timestamp())} for row in reversed(rows)]
    pages, whole, marked, again, unknown, rest = await ask(
        emulator,
        "clicksend",
        clicksend,
        *calls,
        ("mark_read", {"message_id": rows[2]["id"]}),
        ("mark_read", {"message_id": rows[2]["id"]}),
        ("mark_read", {"message_id": "unknown"}),
        ("messages", {"limit": 100}),
    )
    assert pages == [expected[:15], expected[15:30], expected[30:]]
    assert whole == [expected]
    assert (marked, again) == ({"status": 200, "count": 1}, {"status": 200, "count": 0})
    assert unknown == {"status": 404}
    assert rest == [[row for row in expected if row["id"] != rows[2]["id"]]]
    assert [message.message_id for message in clicksend.messages if message.read] == [rows[2]["id"]]


async def test_clicksend_credentials(emulator: Emulator, clicksend: Account) -> None:
    """ClickSend's library reads the account, and takes a wrong key for what it is."""
    ((account),) = await ask(emulator, "clicksend", clicksend, ("account", {}))
    assert (account["username"], account["timezone"], type(account["id"])) == (USERNAME, "UTC", int)
    assert await ask(emulator, "clicksend", clicksend, ("account", {}), password="wrong") == [{"status": 401}]


async def test_clicksend_test_message(emulator: Emulator, clicksend: Account) -> None:
    """ClickSend's library has a message made up, and finds it in the list."""
    made, ((listed,),) = await ask(
        emulator, "clicksend", clicksend, ("pretend", {"url": "poll"}), ("messages", {"limit": 15})
    )
    assert listed["id"] == made


async def test_clicksend_rules(emulator: Emulator, clicksend: Account) -> None:
    """ClickSend's library makes, lists, changes and deletes rules; without one that lists, no message is listed."""
    url = "https://ha.example/api/webhook/abc?a=1&b=%2B"
    fields = {
        "dedicated_number": "*",
        "rule_name": "SMS Inbox",
        "message_search_type": 0,
        "message_search_term": "*",
        "action": "URL",
        "action_address": url,
        "enabled": 1,
    }
    ((first,),) = await ask(emulator, "clicksend", clicksend, ("rules", {}))
    assert (first["action"], type(first["inbound_rule_id"])) == ("POLL", int)
    made, rules = await ask(emulator, "clicksend", clicksend, ("add_rule", fields), ("rules", {}))
    assert fields.items() <= made.items()
    assert [rule["inbound_rule_id"] for rule in rules] == [made["inbound_rule_id"], first["inbound_rule_id"]]
    rows = arrive(clicksend)
    rule_id, poll = str(made["inbound_rule_id"]), str(first["inbound_rule_id"])
    change = {name: value for name, value in fields.items() if name != "rule_name"}
    changed, one, gone, again, unknown, stopped, none, (listed,), rest = await ask(
        emulator,
        "clicksend",
        clicksend,
        ("change_rule", {**change, "rule_id": rule_id, "action_address": f"{url}#", "enabled": 0}),
        ("rule", {"rule_id": rule_id}),
        ("remove_rule", {"rule_id": rule_id}),
        ("remove_rule", {"rule_id": rule_id}),
        ("rule", {"rule_id": rule_id}),
        ("change_rule", {**change, "rule_id": poll, "action": "POLL", "enabled": 0}),
        ("messages", {"limit": 15}),
        ("rules", {}),
        ("change_rule", {**change, "rule_id": poll, "action": "POLL"}),
    )
    assert changed == one == made | {"action_address": f"{url}#", "enabled": 0}
    assert (gone, again, unknown) == (200, 404, {"status": 404})
    assert (stopped["enabled"], none, listed) == (0, [[]], stopped)
    assert rest["enabled"] == 1
    twice = {**fields, "action": "POLL", "action_address": "none"}
    _, pages, marked, few = await ask(
        emulator,
        "clicksend",
        clicksend,
        ("add_rule", twice),
        ("messages", {"limit": 100}),
        ("mark_read", {"message_id": rows[-1]["id"]}),
        ("messages", {"limit": 100}),
    )
    assert [row["id"] for row in pages[0]] == [row["id"] for row in reversed(rows) for _ in range(2)]
    assert marked == {"status": 200, "count": 2}
    assert [row["id"] for row in few[0]] == [row["id"] for row in pages[0][2:]]


@pytest.fixture
def voipms(emulator: Emulator) -> Account:
    """Return an account at VoIP.ms."""
    return emulator.add_account("voipms", USERNAME, PASSWORD)


def at_voipms(rows: Rows, timezone: int = -5) -> Rows:
    """Return rows as VoIP.ms has them, the newest first."""
    zone = EASTERN if timezone == -5 else UTC
    return [
        {
            "id": row["id"],
            "date": f"{row['time'].astimezone(zone):%Y-%m-%d %H:%M:%S}",
            "type": "1",
            "did": row["recipient"],
            "contact": row["sender"],
            "message": row["text"],
        }
        for row in reversed(rows)
    ]


def known(answer: dict[str, Any]) -> Rows:
    """Return the rows of an answer with those fields that both libraries document."""
    assert answer["status"] == "success"
    names = ("id", "date", "type", "did", "contact", "message")
    return [{name: row[name] for name in names} for row in answer["sms"]]


async def test_voipms(emulator: Emulator, voipms: Account) -> None:
    """The library voipms lists by day, number and kind, is told that there are none, and checks the password."""
    rows = arrive(voipms, SENDER[2:], RECIPIENT[2:])
    voipms.send("sent", sender=RECIPIENT[2:], recipient=SENDER[2:], received_at=TIME, sent=True)
    days = {"date_from": "2026-11-19", "date_to": "2026-11-21"}
    everything, some, one, contact, utc, none, balance = await ask(
        emulator,
        "voipms",
        voipms,
        ("messages", {**days, "sms_type": True, "limit": 1000}),
        ("messages", {**days, "sms_type": True, "limit": 5}),
        ("messages", {**days, "sms": int(rows[3]["id"])}),
        ("messages", {**days, "sms_type": True, "contact": int(SENDER[2:]), "did": int(RECIPIENT[2:])}),
        ("messages", {**days, "sms_type": True, "timezone": 0}),
        ("messages", {"date_from": "2026-11-18", "date_to": "2026-11-19"}),
        ("balance", {}),
    )
    expected = at_voipms(rows)
    assert known(everything) == known(contact) == expected
    assert known(some) == expected[:5]
    assert known(one) == [expected[-4]]
    assert known(utc) == at_voipms(rows, 0)
    assert none == "There are no SMS messages"
    assert balance["status"] == "success"
    calls = ("balance", {}), ("messages", days)
    assert await ask(emulator, "voipms", voipms, *calls, password="wrong") == ["Username or Password is incorrect"] * 2


async def test_voipms_api(emulator: Emulator, voipms: Account) -> None:
    """The library voipms-api does so, too, and asks by forms in parts; it leaves out what it isn't asked for."""
    rows = arrive(voipms, SENDER[2:], RECIPIENT[2:])
    days = {"date_from": "2026-11-19", "date_to": "2026-11-21"}
    listed, one, posted, none, balance, ip = await ask(
        emulator,
        "voipms_api",
        voipms,
        ("messages", {**days, "type": 1, "limit": 1000, "timezone": -5}),
        ("messages", {**days, "id": rows[2]["id"], "did": RECIPIENT[2:], "contact": SENDER[2:]}),
        ("post", {"method": "getSMS", "from": "2026-11-20", "to": "2026-11-20", "type": "1"}),
        ("messages", {"date_from": "2026-11-18", "date_to": "2026-11-19"}),
        ("balance", {}),
        ("ip", {}),
    )
    expected = at_voipms(rows)
    assert known(listed) == known(posted) == expected
    assert known(one) == [expected[-3]]
    assert none["status"] == "no_sms"
    assert (balance["status"], ip["status"]) == ("success", "success")
    calls = ("ip", {}), ("messages", days)
    refused = await ask(emulator, "voipms_api", voipms, *calls, password="wrong")
    assert [answer["status"] for answer in refused] == ["invalid_credentials"] * 2


async def test_voipms_mms(emulator: Emulator, voipms: Account) -> None:
    """The library voipms lists SMS and MMS apart, whose ids may be the same, or both together."""
    texts = arrive(voipms, SENDER[2:], RECIPIENT[2:])[:2]
    messages = {"sender": SENDER[2:], "recipient": RECIPIENT[2:], "wire": "mms"}
    rows = []
    for row, text in zip(texts, ("A long text, which the phone made an MMS", ""), strict=True):
        time = row["time"] + timedelta(hours=1)
        voipms.send(text, message_id=row["id"], received_at=time, **messages)
        rows.append(row | {"text": text, "time": time})
    days = {"date_from": "2026-11-19", "date_to": "2026-11-21"}
    mms, one, short, both, none = await ask(
        emulator,
        "voipms",
        voipms,
        ("mms", {**days, "mms_type": True, "all_messages": False, "limit": 1000}),
        ("mms", {**days, "mms": int(rows[0]["id"])}),
        ("messages", {**days, "sms_type": True, "limit": 1000}),
        ("mms", {**days, "mms_type": True, "all_messages": True, "limit": 1000}),
        ("mms", {"date_from": "2026-11-18", "date_to": "2026-11-19"}),
    )
    assert known(mms) == at_voipms(rows)
    assert known(one) == at_voipms(rows[:1])
    assert [row["media"] for row in mms["sms"]] == [[mms["sms"][0]["col_media1"]], []]
    assert not [row for row in known(short) if row in known(mms)]
    assert sorted(known(both), key=str) == sorted(known(short) + known(mms), key=str)
    assert none == "There are no SMS messages"


async def test_voipms_numbers(emulator: Emulator, voipms: Account) -> None:
    """Both libraries read the numbers; what a form that is saved leaves out is switched off."""
    numbers = voipms.protocol.numbers(voipms)
    numbers[0].settings |= {"sms_email": "anna@example.com", "sms_email_enabled": "1"}
    numbers.append(make_number("2025550143"))
    before = [number.settings.copy() for number in numbers]
    url = "https://ha.example/api/webhook/abc?to={TO}&id={ID}"
    callback = {"sms_url_callback": url, "sms_url_callback_enabled": "1", "sms_url_callback_retry": "1"}
    form = {given: (before[0] | callback)[name] for name, given in SETTINGS.items()} | {"method": "setSMS"}
    address, listed, saved, one, unknown, bad = await ask(
        emulator,
        "voipms_api",
        voipms,
        ("address", {}),
        ("numbers", {}),
        ("post", {**form, "did": "2025550142"}),
        ("numbers", {"did": "2025550142"}),
        ("post", {**form, "did": "2025550199"}),
        ("post", {**form, "did": "2025550142", "url_callback": "nonsense"}),
    )
    assert (address["status"], address["ip"]) == ("success", "127.0.0.1")
    assert (listed["status"], listed["dids"]) == ("success", before)
    assert (saved["status"], one["dids"]) == ("success", [before[0] | callback])
    assert (unknown["status"], bad["status"]) == ("invalid_did", "invalid_callback")
    saved, listed, none = await ask(
        emulator,
        "voipms",
        voipms,
        ("set_sms", {"did": 2025550142, "enable": True, "email_enabled": True, "email_address": "anna@example.com"}),
        ("numbers", {}),
        ("numbers", {"did": 2025550199}),
    )
    assert (saved["status"], listed["dids"]) == ("success", before)
    assert none == "There are no DIDs"


@pytest.fixture
def bulksms(emulator: Emulator) -> Account:
    """Return an account at BulkSMS."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


def at_bulksms(rows: Rows) -> Rows:
    """Return rows as BulkSMS has them."""
    return [
        {
            "id": row["id"],
            "from": row["sender"],
            "to": row["recipient"],
            "body": row["text"],
            "submission": {"id": f"1-{row['id']}", "date": f"{row['time']:%Y-%m-%dT%H:%M:%SZ}"},
        }
        for row in rows
    ]


def of_bulksms(answer: Rows) -> Rows:
    """Return those fields of rows that messages were sent with."""
    return [{name: row[name] for name in ("id", "from", "to", "body", "submission")} for row in answer]


async def test_bulksms_messages(emulator: Emulator, bulksms: Account) -> None:
    """The library bulksms, which escapes filters by itself, lists pages above an id and reads one message."""
    rows = arrive(bulksms)
    bulksms.send("sent", sender=RECIPIENT, recipient=SENDER, received_at=TIME, sent=True)
    clauses = "type=RECEIVED&submission.date>=2026-11-20T23:00:00Z"

    def page(after: str) -> tuple[str, dict[str, str]]:
        filters = {"filter": f"{clauses}&id>{after}", "sortOrder": "ASCENDING", "limit": "25"}
        return "ask", {"resource": "messages", **filters}

    first, second, last, newest, late, one, status = await ask(
        emulator,
        "bulksms",
        bulksms,
        page("0"),
        page(rows[24]["id"]),
        page(rows[-1]["id"]),
        ("ask", {"resource": "messages", "filter": clauses, "limit": "3"}),
        ("ask", {"resource": "messages", "filter": "type=RECEIVED&submission.date>=2026-11-21T00:30:00+00:30"}),
        ("ask", {"resource": f"messages/{rows[3]['id']}"}),
        ("status", {"message_id": rows[3]["id"]}),
    )
    expected = at_bulksms(rows)
    assert of_bulksms(first) == expected[:25]
    assert of_bulksms(second) == expected[25:]
    assert last == []
    assert of_bulksms(newest) == expected[: -3 - 1 : -1]
    assert of_bulksms(late) == expected[: 10 - 1 : -1]
    assert of_bulksms([one]) == [expected[3]]
    assert status == ["DELIVERED", 0]


async def test_bulksms_credentials(emulator: Emulator, bulksms: Account) -> None:
    """The library bulksms reads the profile, and what is wrong with a password or a filter."""
    call = ("ask", {"resource": "profile"})
    profile, refused = await ask(
        emulator, "bulksms", bulksms, call, ("ask", {"resource": "messages", "filter": "colour=red"})
    )
    assert profile["username"] == USERNAME
    assert (refused[0], refused[1]["status"], refused[1]["title"]) == (400, 400, "Bad Request")
    ((status, problem),) = await ask(emulator, "bulksms", bulksms, call, password="wrong")
    assert (status, problem["status"], problem["title"]) == (401, 401, "Authentication Failed")


async def test_bulksms_webhooks(emulator: Emulator, bulksms: Account) -> None:
    """The library bulksms makes, lists, changes and deletes webhooks, which are called at once to see who answers."""
    bodies: list[bytes] = []

    async def called(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/called", called)
    async with TestServer(app) as server:
        webhook = {"name": "SMS Inbox", "url": str(server.make_url("/called?a=1")), "triggerScope": "RECEIVED"}
        make = {"resource": "webhooks", "method": "POST", "data": webhook | {"invokeOption": "MANY"}}
        made, twice, listed = await ask(
            emulator, "bulksms", bulksms, ("ask", make), ("ask", make), ("ask", {"resource": "webhooks"})
        )
        path = f"webhooks/{made['id']}"
        gone = {**webhook, "url": str(server.make_url("/gone"))}
        changed, bad, one, deleted, none, unknown = await ask(
            emulator,
            "bulksms",
            bulksms,
            ("ask", {"resource": path, "method": "POST", "data": webhook | {"onWebApp": False}}),
            ("ask", {"resource": path, "method": "POST", "data": gone}),
            ("ask", {"resource": path}),
            ("delete", {"resource": path}),
            ("ask", {"resource": "webhooks"}),
            ("ask", {"resource": path}),
        )
    assert webhook.items() <= made.items()
    assert (twice[0], bad[0], unknown[0]) == (400, 400, 404)
    assert listed == [made]
    assert changed == one == made | {"onWebApp": False}
    assert (deleted, none) == (True, [])
    assert bodies == [b"[]", b"[]"]


@pytest.fixture
def elks(emulator: Emulator) -> Account:
    """Return an account at 46elks."""
    return emulator.add_account("elks", USERNAME, PASSWORD)


async def test_elks(emulator: Emulator, elks: Account) -> None:
    """The library elks reads the history page by page into the past, a part of it, and the account."""
    rows = arrive(elks)
    pages, part, none, account = await ask(
        emulator,
        "elks",
        elks,
        ("messages", {"limit": "15"}),
        ("messages", {"start": "2026-11-21T00:00:00", "end": "2026-11-20T23:55:00.000000", "to": RECIPIENT}),
        ("messages", {"to": "+46700000000"}),
        ("ask", {"path": "me"}),
    )
    expected = [
        {
            "id": row["id"],
            "created": f"{row['time']:%Y-%m-%dT%H:%M:%S.%f}",
            "direction": "incoming",
            "from": SENDER,
            "to": RECIPIENT,
            "message": row["text"],
        }
        for row in reversed(rows)
    ]
    assert [len(page) for page in pages] == [15, 15, 10]
    assert [{name: row[name] for name in expected[0]} for page in pages for row in page] == expected
    assert [row["id"] for page in part for row in page] == [row["id"] for row in reversed(rows[6:10])]
    assert none == [[]]
    assert account["id"] == USERNAME
    (refused,) = await ask(emulator, "elks", elks, ("ask", {"path": "me"}), password="wrong")
    assert refused.startswith("401 - ")


async def test_elks_mms(emulator: Emulator, elks: Account) -> None:
    """The library elks reads the history of MMS page by page, which isn't that of SMS, and one with its pictures."""
    arrive(elks)
    rows = []
    for number in range(12):
        time, text = TIME + timedelta(hours=1, minutes=number), f"A long text {number}" if number else ""
        message = elks.send(text, sender=SENDER, recipient=RECIPIENT, received_at=time, wire="mms")
        rows.append({"id": message.message_id, "created": f"{time:%Y-%m-%dT%H:%M:%S.%f}", "message": text})
    pages, short, one = await ask(
        emulator,
        "elks",
        elks,
        ("messages", {"path": "mms", "limit": "5"}),
        ("messages", {"limit": "100"}),
        ("ask", {"path": f"mms/{rows[0]['id']}"}),
    )
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [{name: row[name] for name in rows[0]} for page in pages for row in page] == rows[::-1]
    assert [row["message"] for page in short for row in page] == [*reversed(TEXTS)]
    assert rows[0].items() <= one.items()
    assert len(one["images"]) == 2


async def test_elks_numbers(emulator: Emulator, elks: Account) -> None:
    """The library elks lists the numbers, sets addresses at one, which leaves the others alone, and clears them."""
    elks.places.append(elks_number("+46700000000", sms_url="https://before.example/"))
    url = "https://ha.example/api/webhook/abc?a=1&b=%2B"
    listed, before, changed, kept, cleared, unknown = await ask(
        emulator,
        "elks",
        elks,
        ("ask", {"path": "numbers"}),
        ("ask", {"path": f"numbers/{elks.places[0]['id']}"}),
        ("ask", {"path": f"numbers/{elks.places[0]['id']}", "method": "POST", "sms_url": url, "sms_replies": "no"}),
        ("ask", {"path": f"numbers/{elks.places[0]['id']}", "method": "POST", "mms_url": url}),
        ("ask", {"path": f"numbers/{elks.places[0]['id']}", "method": "POST", "sms_url": "none"}),
        ("ask", {"path": "numbers/n0", "method": "POST", "sms_url": url}),
    )
    assert sorted(row["number"] for row in listed["data"]) == ["+44771234567", "+46700000000"]
    assert changed == before | {"sms_url": url}
    assert kept == changed | {"mms_url": url}
    assert cleared == before | {"mms_url": url}
    assert elks.places[1]["sms_url"] == "https://before.example/"
    assert unknown.startswith("404 - ")
