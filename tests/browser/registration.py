"""The steps of the browser test about a webhook whose URL is registered at a vendor, where another URL stands."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import expect

from emulator.state import State
from emulator.twilio_account import add_number

from ..live.child import ChildError
from ..live.emulator import Account
from .calls import see_call
from .pages import Flow, add_integration, configure, open_issue, reload_entry, set_external_url
from .window import sees
from .world import World, compare, within

BY_NEW_URL = "Sent to the new URL"
BY_NUMBER = "Sent to a number with a webhook"
BY_TAKEN_OVER = "Sent to the URL that was taken over"
FREE, TAKEN, LEFT = "+447700900201", "+447700900202", "+447700900203"
INTERNET = "http://8.8.8.8:8080"
SHOP = "https://shop.example.com/sms"
STRANGER = "https://hooks.example.net/in"
NUMBERS = {FREE: "", TAKEN: STRANGER, LEFT: SHOP}
WEBHOOK = "options.step.webhook.data"


def plant_numbers(data: Path, account: Account) -> None:
    """Let the emulator know an account that has several numbers, of which two have a webhook already."""
    state = State(0, 0, data, 0, timedelta())
    customer = state.add_account(account.provider, account.username, account.password)
    for number, url in NUMBERS.items():
        add_number(customer, number, sms_url=url)
    state.save()


async def register(world: World) -> str:
    """Have the URL registered where another one stands: it is asked before that, and what isn't chosen stays."""
    texts = world.texts
    flow = await configure(world.window, world.titles["twilio"], texts("options.step.init.menu_options.webhook"))
    await flow.shows_switch(texts(f"{WEBHOOK}.register"), on=True)
    await flow.turn(texts(f"{WEBHOOK}.webhook"), on=True)
    await flow.submit()
    await sees(flow.dialog, texts("options.step.places.title"))
    free, taken, left = FREE, f"{TAKEN} (hooks.example.net)", f"{LEFT} (shop.example.com)"
    compare(await flow.boxes(), {free: True, taken: False, left: False})
    compare(await _urls(world), NUMBERS)
    await flow.tick(free)
    await flow.tick(taken)
    await flow.submit()
    await _see_call(world, flow, BY_NUMBER)
    address = await _own_url(world)
    return f"asked; {TAKEN} has our URL now ({address.partition('/api')[0]}), the other numbers have what they had"


async def renew(world: World) -> str:
    """Have a new URL made: the vendor has it, and the old one is gone."""
    texts, before = world.texts, await _own_url(world)
    flow = await configure(world.window, world.titles["twilio"], texts("options.step.init.menu_options.webhook"))
    await flow.turn(texts(f"{WEBHOOK}.renew"), on=True)
    await flow.submit()
    await sees(flow.dialog, texts("options.step.places.title"))
    compare(await flow.boxes(), {FREE: True, TAKEN: True, f"{LEFT} (shop.example.com)": False})
    await flow.tick(FREE)
    await flow.submit()
    await _see_call(world, flow, BY_NEW_URL)
    if await _own_url(world) == before:
        raise ChildError("The URL is the one from before.")
    return f"{TAKEN} has another URL than before, and a message came by it"


async def move(world: World) -> str:
    """Change Home Assistant's address: the vendor still has the old one, and a repair says so."""
    texts, title = world.texts, world.titles["twilio"]
    before, address = await _own_url(world), world.at_home
    await set_external_url(world.window, address)
    await reload_entry(world.window, title)
    issue = texts("issues.webhook_elsewhere.title", account=title)
    flow = await open_issue(world.window, issue)
    await sees(flow.dialog, f"{TAKEN} (127.0.0.1)", exact=False)
    compare(await _own_url(world), before)
    await flow.choose(texts("issues.webhook_elsewhere.fix_flow.step.init.menu_options.take_over"))
    await flow.finish()
    await expect(world.window.page.get_by_text(issue)).to_have_count(0)
    compare(await _own_url(world), before.replace(world.home_assistant.url, address))
    await _send(world, BY_TAKEN_OVER)
    await world.arrival(BY_TAKEN_OVER)
    await within("the accepted request", partial(_was_called, world))
    return "a repair said that it goes elsewhere; taken over, the vendor has the new address, and a message came by it"


async def refuse_plain_http(world: World) -> str:
    """Add a phone at an address in the internet, without https."""
    texts = world.texts
    flow = await add_integration(world.window, "sms", "SMS Inbox")
    await flow.choose(texts("config.step.user.menu_options.smsgate"))
    await flow.fill(username="phone", password=world.accounts["twilio"].password, url=INTERNET)
    await flow.submit()
    await flow.refused(texts("config.error.insecure_url"))
    await flow.shows_switch(texts("config.step.smsgate.sections.server.data.allow_http"), on=False)
    await flow.close()
    return "refused, with the way out: a box that allows it"


async def _see_call(world: World, flow: Flow, text: str) -> None:
    """Send a message to the number that has our URL, and see that it comes by webhook."""
    await sees(flow.dialog, world.texts("options.progress.wait_for_webhook", provider="Twilio"))
    await _send(world, text)
    await see_call(world, flow, "twilio", text)


async def _send(world: World, text: str) -> None:
    await world.send("twilio", text, recipient=TAKEN)


async def _was_called(world: World) -> bool:
    """Whether the vendor's last request was accepted."""
    return bool((await world.emulator.get("/admin/calls"))["entries"][-1]["status"] == HTTPStatus.OK)


async def _own_url(world: World) -> str:
    """Return the URL that the vendor has at the chosen number; the others have what they had."""
    urls = await _urls(world)
    compare(urls, {**NUMBERS, TAKEN: (own := urls[TAKEN])})
    world.passwords.add(own.rpartition("/")[2])
    return own


async def _urls(world: World) -> Mapping[str, str]:
    """Return the URL at each number, as the vendor's own page shows it."""
    account = world.accounts["twilio"]
    url = f"{world.urls['twilio']}/2010-04-01/Accounts/{account.username}/IncomingPhoneNumbers.json"
    auth = aiohttp.BasicAuth(account.username, account.password)
    async with aiohttp.ClientSession() as session, session.get(url, auth=auth) as response:
        found: dict[str, Any] = await response.json()
    return {row["phone_number"]: row["sms_url"].partition("#")[0] for row in found["incoming_phone_numbers"]}
