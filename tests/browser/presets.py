"""The steps of the browser test about apps and services that can't be polled: each is set up as its page says."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import secrets
from zoneinfo import ZoneInfo

from playwright.async_api import expect
from yarl import URL

from emulator.protocol import Outgoing
from emulator.senders import SENDERS, build, public_key

from ..live.child import ChildError
from ..live.home_assistant import REPOSITORY
from .pages import Flow, add_integration, configure, open_issue, show_device
from .window import sees
from .world import NEIGHBOUR, World, compare

BROKEN = '{"from": "+447700900123", "text": "She said "come at six", and left"}'
OTHER = "other"
PAGES = REPOSITORY / "docs" / "webhooks"
PRESETS = tuple(preset for preset in SENDERS if preset != OTHER)
SOURCE = "config.step.webhook_source"
SOON = timedelta(minutes=2)
ZONE = "Pacific/Auckland"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a page of the documentation tells a person to enter in Home Assistant."""

    key: bool
    zone: bool
    at_home: bool


def read_page(preset: str) -> Told:
    """Read the page of an app or service."""
    text = (PAGES / f"{preset}.md").read_text()
    section = text.partition("## In Home Assistant\n")[2].partition("\n## ")[0]
    return Told(
        key="No key" not in section,
        zone="**time zone**" in section,
        at_home="*Only from the local network* on" in section,
    )


async def begin_webhook(world: World, preset: str, name: str = "") -> Flow:
    """Begin to add a webhook for an app or service, up to the dialog that asks about it."""
    texts = world.texts
    flow = await add_integration(world.window, "sms", "SMS Inbox")
    await flow.choose(texts("config.step.user.menu_options.webhook"))
    await flow.select(texts("config.step.webhook.data.preset"), texts(f"selector.preset.options.{preset}"))
    if name:
        await flow.fill(name=name)
    await flow.submit()
    await sees(flow.dialog, texts(f"{SOURCE}.data.local_only"))
    return flow


async def copy_address(world: World, flow: Flow) -> str:
    """Copy the address that a dialog shows; no log may have its secret part."""
    address = await flow.copy()
    await sees(flow.dialog, address)
    world.passwords.add(URL(address).name)
    return address


async def receive(world: World, *, preset: str) -> str:
    """Add an app or service as its page says, and receive what it sends; with another key, nothing is received."""
    told, title = read_page(preset), world.texts(f"selector.preset.options.{preset}")
    entered, signing = _keys(preset) if told.key else ("", "")
    address = world.urls[preset] = await _add(world, preset, told, entered)
    world.titles[preset], world.keys[preset] = title, signing
    text = f'Gate № 7 & 100 % = "{preset}" 🚪'
    world.messages.add(text)
    await world.request(_request(preset, address, text, signing))
    event = await world.arrival(text)
    compare(event["sender"].removeprefix("+"), NEIGHBOUR.removeprefix("+"))
    if abs(datetime.now(UTC) - datetime.fromisoformat(event["received_at"])) > SOON:
        raise ChildError(f"It is said to have come at {event['received_at']}")
    device = await show_device(world.window, title)
    await sees(device.locator("hui-sensor-entity-row"), text, exact=False)
    asked = ", ".join(name for name, is_asked in (("key", told.key), ("zone", told.zone)) if is_asked) or "nothing"
    row = f"{asked:10} {HTTPStatus.OK:d}  {text}, {event['sender']}"
    if not told.key:
        return row
    forged = f"Forged {preset}"
    world.messages.add(forged)
    world.refused.add(title)
    forgery = _request(preset, address, forged, _keys(preset)[1])
    await world.request(forgery, status=HTTPStatus.FORBIDDEN)
    await sees(device.locator("hui-sensor-entity-row"), text, exact=False)
    await expect(device.get_by_text(forged, exact=False)).to_have_count(0)
    compare([event for event in world.events if event["text"] == forged], [])
    return f"{row}; another key: {HTTPStatus.FORBIDDEN:d}, nothing shown"


async def hide_key(world: World) -> str:
    """Look for a key that was entered: it is not shown again, and stays where nothing else is entered."""
    texts, preset, text = world.texts, "textbee", "Signed as before"
    option = texts("options.step.init.menu_options.signature")
    flow = await configure(world.window, world.titles[preset], option)
    await expect(flow.field("signing_key")).to_have_value("")
    await flow.shows_switch(texts("options.step.signature.data.remove_signing_key"), on=False)
    await flow.submit()
    await flow.saved()
    world.messages.add(text)
    await world.request(_request(preset, world.urls[preset], text, world.keys[preset]))
    await world.arrival(text)
    forgery = _request(preset, world.urls[preset], text, "")
    await world.request(forgery, status=HTTPStatus.FORBIDDEN)
    return "not shown, and still needed"


async def keep_broken(world: World) -> str:
    """Have a script send JSON that a text has broken: it is kept and shown, and a person decides."""
    texts, title = world.texts, world.titles["webhook"]
    world.messages.add(BROKEN)
    body, headers = BROKEN.encode(), {"Content-Type": "application/json"}
    await world.request(Outgoing(method="POST", url=world.urls["webhook"], headers=headers, body=body))
    flow = await configure(world.window, title, texts("options.step.init.menu_options.fields"))
    await sees(flow.dialog, BROKEN)
    await flow.close()
    flow = await open_issue(world.window, texts("issues.unreadable_webhook.title", account=title))
    await sees(flow.dialog, BROKEN)
    await flow.choose(texts("issues.unreadable_webhook.fix_flow.step.init.menu_options.deliver"))
    await world.arrival(BROKEN)
    await flow.finish()
    return "kept, shown in the field mapping and in a repair, and delivered as it is"


async def _add(world: World, preset: str, told: Told, key: str) -> str:
    """Add an app or service; the dialog asks for what its page tells to enter, and for nothing else."""
    texts, title = world.texts, world.texts(f"selector.preset.options.{preset}")
    flow = await begin_webhook(world, preset)
    await sees(flow.dialog, title, exact=False)
    await expect(flow.field("signing_key")).to_have_count(int(told.key))
    await expect(flow.dialog.locator("ha-selector-select")).to_have_count(int(told.zone))
    await flow.shows_switch(texts(f"{SOURCE}.data.local_only"), on=told.at_home)
    if told.zone:
        await flow.select(texts(f"{SOURCE}.data.time_zone"), ZONE)
    if key:
        await flow.fill(signing_key=key)
        world.passwords.add(key)
    await flow.submit()
    await sees(flow.dialog, texts("config.step.webhook_url.title"))
    address = await copy_address(world, flow)
    compare(str(URL(address).origin()), world.at_home if told.at_home else world.home_assistant.url)
    await flow.submit()
    await flow.finish()
    return address


def _keys(preset: str) -> tuple[str, str]:
    """Return a new key as a person enters it, and as the app or service signs with it."""
    if preset != "telnyx":
        return (key := secrets.token_hex(20)), key
    private = base64.b64encode(secrets.token_bytes(32)).decode()
    return public_key(private), private


def _request(preset: str, address: str, text: str, key: str) -> Outgoing:
    """Return the request that an app or service makes for a message from the neighbour."""
    return build(preset, address, sender=NEIGHBOUR, text=text, key=key, zone=ZoneInfo(ZONE))
