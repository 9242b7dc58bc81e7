"""The steps of the browser test about webhooks."""

import json
import re

from playwright.async_api import expect

from emulator.protocol import Outgoing

from .pages import Flow, configure, open_issue, show_device
from .presets import OTHER, begin_webhook, copy_address
from .window import sees
from .world import NEIGHBOUR, World, compare

BY_BULKSMS = "Sent to BulkSMS, with a webhook"
BY_BULLETIN = "Sent to Bulletin, with a webhook"
DOOR = "Somebody is at the door"
GONE = "Nobody is at the door any more"
POLLED = "Sent without a webhook"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


async def call_by_bulletin(world: World) -> str:
    """Have Bulletin send webhooks: copy the URL, paste it there, and wait for the first request."""
    await world.window.go("/")  # without what it has told before
    flow = await _turn_switch(world, "bulletin", on=True)
    await sees(flow.dialog, world.texts("options.step.webhook_url.title"))
    await world.picture("webhook")
    address = await copy_address(world, flow)
    await flow.submit()
    await sees(flow.dialog, world.texts("options.progress.wait_for_webhook", provider="Bulletin Messenger"))
    await world.paste_address("bulletin", address)
    await world.send("bulletin", BY_BULLETIN)
    return f"copied and pasted; then {await see_call(world, flow, 'bulletin', BY_BULLETIN)}"


async def call_by_bulksms(world: World) -> str:
    """Have BulkSMS send webhooks, where the URL is registered by its API."""
    flow = await _turn_switch(world, "bulksms", on=True)
    await world.send("bulksms", BY_BULKSMS)
    return f"nothing to paste; {await see_call(world, flow, 'bulksms', BY_BULKSMS)}"


async def add_webhook(world: World) -> str:
    """Add an account that only receives webhooks, and post something there in which no text is found."""
    texts, title = world.texts, "Doorbell"
    flow = await begin_webhook(world, OTHER, title)
    await sees(flow.dialog, texts("config.step.webhook_source.data.time_zone"), exact=False)
    await flow.submit()
    await sees(flow.dialog, texts("config.step.webhook_url.title"))
    world.urls["webhook"], world.titles["webhook"] = await copy_address(world, flow), title
    await flow.submit()
    await flow.finish()
    await sees(await show_device(world.window, title), title)
    await _ring(world, DOOR)
    flow = await open_issue(world.window, texts("issues.unreadable_webhook.title", account=title))
    await sees(flow.dialog, DOOR, exact=False)
    await flow.close()
    return "the address was copied; what was posted there is shown, and kept"


async def name_fields(world: World) -> str:
    """Name the fields of the last request."""
    texts, title = world.texts, world.titles["webhook"]
    flow = await configure(world.window, title, texts("options.step.init.menu_options.fields"))
    await sees(flow.dialog, DOOR, exact=False)
    await flow.pick(texts("options.step.fields.data.sender"), "visitor.number")
    await flow.pick(texts("options.step.fields.data.text"), "visitor.says")
    await flow.submit()
    await flow.saved()
    await _ring(world, GONE)
    for text in (DOOR, GONE):
        compare((await world.arrival(text))["sender"], NEIGHBOUR)
    await world.window.go("/config/repairs")
    await sees(world.window.page, "Repairs")
    await expect(world.window.page.get_by_text(texts("issues.unreadable_webhook.title", account=title))).to_have_count(
        0
    )
    return "chosen from the request; what was kept arrived, and what was posted then"


async def stop_calls(world: World) -> str:
    """Switch Bulletin's webhook off."""
    flow = await _turn_switch(world, "bulletin", on=False)
    await flow.saved()
    await world.paste_address("bulletin", "")
    await world.send("bulletin", POLLED)
    await world.arrival(POLLED)
    compare(await _count_last_webhook(world, "bulletin"), 0)
    return "switched off; the next message was polled"


async def _turn_switch(world: World, provider: str, *, on: bool) -> Flow:
    """Switch a provider's webhook on or off."""
    option = world.texts("options.step.init.menu_options.webhook")
    flow = await configure(world.window, world.titles[provider], option)
    await flow.turn(world.texts("options.step.webhook.data.webhook"), on=on)
    await flow.submit()
    return flow


async def see_call(world: World, flow: Flow, provider: str, text: str) -> str:
    """Wait until the dialog shows the first request, and look at what it brought."""
    title, times = world.texts("options.step.webhook_received.title"), {"first": "|", "last": "|"}
    await sees(flow.dialog, title)
    told = world.texts("options.step.webhook_received.description", **times).split("|")
    await expect(flow.dialog).to_contain_text(re.compile(TIME.join(map(re.escape, told))))
    await flow.submit()
    await flow.saved()
    await world.arrival(text)
    compare(await _count_last_webhook(world, provider), 1)
    compare([event["text"] for event in world.events].count(text), 1)
    return f"{title!r}, and the message arrived"


async def _count_last_webhook(world: World, provider: str) -> int:
    """Return how many entities an account has that show when the last webhook request came; disabled ones count."""
    entry_id = (await world.entry(provider))["entry_id"]
    entities = await world.ask("config/entity_registry/list")
    return sum(entity["unique_id"] == f"{entry_id}_last_webhook" for entity in entities)


async def _ring(world: World, text: str) -> None:
    """Post a message with fields that are called as nobody expects."""
    world.messages.add(text)
    body = json.dumps({"event": "ring", "visitor": {"number": NEIGHBOUR, "says": text}}).encode()
    headers = {"Content-Type": "application/json"}
    await world.request(Outgoing(method="POST", url=world.urls["webhook"], headers=headers, body=body))
