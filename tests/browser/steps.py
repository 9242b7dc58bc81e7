"""The steps of the browser test: a person's first evening with SMS Inbox."""

from collections.abc import Awaitable, Callable
from functools import partial
import re
import time

from playwright.async_api import ViewportSize, expect

from ..live.child import ChildError
from ..live.entries import ENTRIES
from ..live.home_assistant import PASSWORD, USERNAME
from .calls import add_webhook, call_by_bulksms, call_by_bulletin, name_fields, stop_calls
from .dashboards import show_dashboard
from .pages import (
    AutomationEditor,
    add_integration,
    attend,
    choose_country,
    choose_in_entry_menu,
    configure,
    open_issue,
    perform_action,
    press,
    show_device,
)
from .presets import PRESETS, hide_key, keep_broken, receive
from .registration import move, refuse_plain_http, register, renew
from .sending import add_contact, build_answer, read_answer, turn_on_sending
from .window import SIZE, Texts, sees
from .world import CUSTOMERS, NEIGHBOUR, World, compare, within

type Step = Callable[[World], Awaitable[str]]

AUTOMATION = "Open the gate by SMS"
BEFORE_NEXT_POLL = 10.0  # seconds
BOTH = "Shown by both APIs"
CHANGED = "Sent after the account was changed"
DIALLED = "07700 900123"
ENTITIES = ("sensor.last_message", "button.check_now")
MATCH = "selector.match.options"
NARROW = ViewportSize(width=390, height=844)
NOWHERE = "http://127.0.0.1:9/nowhere"
REFUSALS_BEFORE_REAUTH = 2
TRIGGER = "triggers.received"
WAITING = "Sent while the password was wrong"
WARNING = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) .*custom_components\.sms_inbox.*$", re.MULTILINE)
WITHOUT_OFFICIAL_SERVER = ("gammu",)
WRONG = "not the password"


async def log_in(world: World) -> str:
    """Log in."""
    await world.window.log_in(USERNAME, PASSWORD)
    await sees(world.window.page, "Settings")
    return "the front end is there"


async def add_account(world: World, *, provider: str) -> str:
    """Add an account, at first with a wrong password."""
    account, texts = world.accounts[provider], world.texts
    known = {entry["title"] for entry in await world.home_assistant.get(f"{ENTRIES}?domain=sms_inbox")}
    flow = await add_integration(world.window, "sms", "SMS Inbox")
    await flow.choose(texts(f"config.step.user.menu_options.{provider}"))
    await sees(flow.dialog, texts(f"config.step.{provider}.title"))
    await flow.fill(username=account.username, password=WRONG)
    if account.time_zone:
        await flow.select(texts(f"config.step.{provider}.data.time_zone"), account.time_zone)
    if provider == "bulksms":
        await world.picture("setup")
    await expect(flow.field("url")).to_be_visible(visible=provider in WITHOUT_OFFICIAL_SERVER)
    await flow.fill(url=world.urls[provider])
    await flow.submit()
    await flow.refused(texts("config.error.invalid_auth", error="|"))
    await expect(flow.field("username")).to_have_value(account.username)
    await expect(flow.field("url")).to_have_value(world.urls[provider])
    if account.time_zone:
        await sees(flow.dialog, account.time_zone)
    await flow.fill(password=account.password)
    await flow.submit()
    await flow.finish()
    (title,) = {entry["title"] for entry in await world.home_assistant.get(f"{ENTRIES}?domain=sms_inbox")} - known
    world.titles[provider] = title
    return await _see_entities(world, title)


async def _see_entities(world: World, title: str) -> str:
    # The front end goes there by itself, unless it is told of the device too late.
    page = await show_device(world.window, title)
    await sees(page, title)
    names = [world.texts(f"entity.{entity}.name") for entity in ENTITIES]
    for name in names:
        await sees(page, name)
    return f"refused, corrected; the page of {title} shows {', '.join(names)}"


async def build_automation(world: World) -> str:
    """Build an automation by clicking, from the account's device, and compare what was saved."""
    editor = AutomationEditor(world.window)
    device_id = await world.device_id("bulletin")
    await editor.open_with_trigger(world.titles["bulletin"], world.texts(f"{TRIGGER}.name"))
    await _fill_trigger(world, editor, "gate", "is")
    await editor.scroll_to_top()
    await world.picture("automation", height=1100)
    await _add_notification(editor)
    await editor.save(AUTOMATION)
    world.automation = await editor.saved()
    config = await world.home_assistant.get(f"/api/config/automation/config/{world.automation}")
    options = {"sender": [DIALLED], "text": "gate", "match": "is"}
    compare(config["alias"], AUTOMATION)
    (trigger,) = config["triggers"]
    device = trigger["target"]["device_id"]
    compare(device if isinstance(device, list) else [device], [device_id])
    compare(trigger, {"trigger": "sms_inbox.received", "target": trigger["target"], "options": options})
    compare([action["action"] for action in config["actions"]], ["persistent_notification.create"])
    return f"saved as it was clicked: {options}"


async def run_automation(world: World) -> str:
    """Send messages that are not meant, and one that is."""
    await world.armed(world.automation)
    await world.long_poll("bulletin")
    await world.send("bulletin", "Gate", sender="+447700900999")
    await world.send("bulletin", "Is the gate open?")
    await world.send("bulletin", "GATE")
    await world.arrival("GATE")
    ran = [f"{NEIGHBOUR}: GATE"]

    async def has_run() -> bool:
        traces = await world.ask("trace/list", domain="automation", item_id=world.automation)
        return world.notifications == ran and [trace["state"] for trace in traces] == ["stopped"]

    await within("one run of the automation", has_run)
    await world.window.page.get_by_text("Traces", exact=True).click()
    await sees(world.window.page.locator("ha-automation-trace"), world.texts(f"{TRIGGER}.name"))
    return "another sender and another text did nothing, the right ones made it run once; its trace is there"


async def refuse_filters(world: World) -> str:
    """Try to save triggers that could never match: an invalid regular expression, and a row that was left blank."""
    reasons = []
    title, name = world.titles["bulletin"], world.texts(f"{TRIGGER}.name")
    for sender, text, match, expected in (
        (DIALLED, "gate(", "regex", "The regular expression is invalid"),
        ("", "gate", "is", "This is blank, which would match nothing. Fill it in or remove it"),
    ):
        editor = AutomationEditor(world.window)
        await editor.open_with_trigger(title, name)
        await _fill_trigger(world, editor, text, match, sender)
        await _add_notification(editor)
        await editor.save("Never")
        reason = await editor.refused()
        if expected not in reason:
            raise ChildError(f"The editor doesn't say what is wrong: {reason}")
        reasons.append(reason)
    await world.picture("refused")
    return " | ".join(reasons)


async def follow_country(world: World) -> str:
    """Build an automation for a national number of China, and then move there by the settings."""
    editor = AutomationEditor(world.window)
    await editor.open()
    await editor.add("trigger", "text message", world.texts(f"{TRIGGER}.name"))
    await editor.add_text(world.texts(f"{TRIGGER}.fields.sender.name"), "131 2345 6789")
    await _add_notification(editor)
    await editor.save("From China")
    await world.armed(await editor.saved())
    await choose_country(world.window, "China")
    await within("the new country", partial(_lives_in, world, "CN"))
    await world.long_poll("bulletin")
    for sender, text in (("13123456789", "From Chicago"), ("8613123456789", "From Beijing")):
        await world.send("bulletin", text, sender=sender)
        event = await world.arrival(text)
        compare(event["sender_number"], f"+{sender}")
    ran = "8613123456789: From Beijing"

    async def has_run() -> bool:
        return ran in world.notifications

    await within("the automation for the Chinese number", has_run)
    compare([text for text in world.notifications if "From Chicago" in text], [])
    await choose_country(world.window, "United Kingdom")
    await within("the former country", partial(_lives_in, world, "GB"))
    return "131 2345 6789 means +86 131 2345 6789 at once, and not +1 312 345 6789, which has the same digits"


async def _lives_in(world: World, country: str) -> bool:
    """Whether Home Assistant has a country."""
    return bool((await world.home_assistant.get("/api/config"))["country"] == country)


async def _fill_trigger(world: World, editor: AutomationEditor, text: str, match: str, sender: str = DIALLED) -> None:
    """Let the trigger mean a sender's messages with a text."""
    await editor.add_text(world.texts(f"{TRIGGER}.fields.sender.name"), sender)
    await editor.write(world.texts(f"{TRIGGER}.fields.text.name"), text)
    await editor.mark(world.texts(f"{TRIGGER}.fields.match.name"), match, world.texts(f"{MATCH}.{match}"))


async def _add_notification(editor: AutomationEditor) -> None:
    await editor.add("action", "persistent", "Create persistent notification")
    await editor.write("Message", "{{ trigger.sender }}: {{ trigger.text }}")


async def check_now(world: World) -> str:
    """Press "Check now", just after a poll."""
    device = await show_device(world.window, world.titles["bulksms"])
    await world.poll("bulksms")
    text = "Your table is booked for 19:30 🍝"
    await world.send("bulksms", text, sender="TRATTORIA")
    pressed = time.monotonic()
    await press(device, world.texts("entity.button.check_now.name"))
    await world.arrival(text, seconds=BEFORE_NEXT_POLL)
    await sees(device.locator("hui-sensor-entity-row"), text, exact=False)
    return f"the message was there after {time.monotonic() - pressed:.1f} s"


async def get_messages(world: World) -> str:
    """Perform the action that returns stored messages."""
    answer = await perform_action(world.window, world.texts("services.get_messages.name"))
    for part in ("TRATTORIA", "Your table is booked for 19:30"):
        await sees(answer, part, exact=False)
    return "the answer has the message"


async def type_sms(world: World) -> str:
    """Look at the emulator's page in a narrow and in a wide window, and type an SMS there."""
    account = world.accounts["bulletin"]
    await world.long_poll("bulletin")
    for name, size, text in (
        ("emulator-narrow", NARROW, "Are you at home? 👋🏽"),
        ("", SIZE, "Water in the cellar! 🌊🚨"),
    ):
        window = await world.open_window(world.emulator.url, size)
        page = window.page
        await page.get_by_role("combobox", name="Account").select_option(f"{account.provider}/{account.username}")
        world.messages.add(text)
        await page.get_by_label("Text message", exact=True).fill(text)
        await page.get_by_role("button", name="Send").click()
        await world.arrival(text)
        await expect(page.get_by_role("log").locator("li").last).to_contain_text("fetched")
        for part in ("Phone", "Requests"):
            await expect(page.get_by_label(part, exact=True)).to_be_visible()
        if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            raise ChildError(f"The emulator's page is wider than its window of {size['width']} px.")
        if name:
            await world.picture(name, window)
        await window.close()
    return "phone and requests fit into both; what was typed arrived"


async def look_at_activity(world: World) -> str:
    """Look at the activity, and at the page of the device."""
    line = f"from {NEIGHBOUR}"
    await world.window.go("/logbook")
    await sees(world.window.page.locator("ha-logbook"), line, exact=False)
    await world.picture("activity")
    device = await show_device(world.window, world.titles["bulletin"])
    await sees(device.locator("ha-logbook"), line, exact=False)
    await world.picture("device", height=1000)
    return f"both have a line which ends with {line!r}"


async def speak_german(world: World) -> str:
    """Begin to add an account with a browser that speaks German."""
    texts = Texts("de")
    window = await world.open_window(world.home_assistant.url, locale="de-DE")
    await window.log_in(USERNAME, PASSWORD)
    flow = await add_integration(window, "sms", "SMS Inbox")
    options = [texts(f"config.step.user.menu_options.{account.provider}") for account in CUSTOMERS]
    for text in (texts("config.step.user.title"), *options):
        await sees(flow.dialog, text)
    await window.close()
    return ", ".join(options)


async def log_in_again(world: World) -> str:
    """Change the password at the provider, and log in again where Home Assistant asks for it."""
    texts, title = world.texts, world.titles["bulksms"]
    await world.change_password("bulksms")
    await world.send("bulksms", WAITING)
    device = await show_device(world.window, title)
    for _ in range(REFUSALS_BEFORE_REAUTH):
        await press(device, texts("entity.button.check_now.name"))
        await sees(world.window.page, _refusal(world), exact=False)

    async def is_asked() -> bool:
        flows = await world.ask("config_entries/flow/progress")
        return any(flow["context"]["source"] == "reauth" for flow in flows)

    await within("that Home Assistant asks to log in again", is_asked)
    flow = await attend(world.window, title)
    await sees(flow.dialog, texts("config.step.reauth_confirm.title"))
    await expect(flow.field("username")).to_have_value(world.accounts["bulksms"].username)
    await flow.fill(password=WRONG)
    await flow.submit()
    await flow.refused(texts("config.error.invalid_auth", error="|"))
    await flow.fill(password=world.accounts["bulksms"].password)
    await flow.submit()
    await sees(flow.dialog, "Re-authentication was successful")
    await flow.finish()
    await world.arrival(WAITING)
    return "asked for after the second refusal; what had waited arrived"


async def reconfigure(world: World) -> str:
    """Give an account another server address, at first one where nobody is."""
    texts, account = world.texts, world.accounts["bulletin"]
    flow = await choose_in_entry_menu(world.window, world.titles["bulletin"], "reconfigure")
    await sees(flow.dialog, texts("config.step.reconfigure.title", account=world.titles["bulletin"]))
    for name, value in (("username", account.username), ("password", ""), ("url", world.urls["bulletin"])):
        await expect(flow.field(name)).to_have_value(value)
    await flow.fill(url=NOWHERE)
    await flow.submit()
    await flow.refused(texts("config.error.cannot_connect", error="|"))
    await expect(flow.field("url")).to_have_value(NOWHERE)
    await flow.fill(url=world.urls["bulletin"])
    await flow.submit()
    await sees(flow.dialog, "Reconfiguration was successful")
    await flow.finish()
    await world.long_poll("bulletin")
    await world.send("bulletin", CHANGED)
    await world.arrival(CHANGED)
    return "refused, corrected; the next message arrived"


async def choose_options(world: World) -> str:
    """Choose how long texts are kept, and look whether that is remembered."""
    for shown, chosen in (("90", "30"), ("30", "30")):
        option = world.texts("options.step.init.menu_options.storage")
        flow = await configure(world.window, world.titles["bulksms"], option)
        await sees(flow.dialog, world.texts("options.step.storage.title"))
        days = flow.dialog.locator("input[type=number]")
        await expect(days).to_have_value(shown)
        await days.fill(chosen)
        await flow.submit()
        await flow.saved()
    return "30 days, and still so when opened again"


async def repair_unreadable(world: World) -> str:
    """Have a record delivered that could not be read."""
    texts, title = world.texts, world.titles["bulksms_eapi"]
    raw = f"{time.time_ns() // 10**6}|447700900123|Parcel at the door"
    world.messages.add(raw)
    account = {"provider": "bulksms_eapi", "username": world.accounts["bulksms_eapi"].username}
    await world.emulator.post("/admin/messages", {**account, "raw": raw})
    for _ in range(2):  # the answer may have been cut off, so it counts when it comes again
        await world.check_now("bulksms_eapi")
    issue = texts("issues.unreadable.title", account=title)
    flow = await open_issue(world.window, issue)
    await sees(flow.dialog, raw, exact=False)
    await world.picture("repair")
    await flow.choose(texts("issues.unreadable.fix_flow.step.init.menu_options.deliver"))
    event = await world.arrival(raw)
    compare(event["sender"], "")
    await flow.finish()
    await expect(world.window.page.get_by_text(issue)).to_have_count(0)
    return "the raw record was shown, and delivered as it is"


async def repair_deprecated(world: World) -> str:
    """Move an account to the API that has replaced its own; what both show is not delivered again."""
    texts, title = world.texts, world.titles["bulksms_eapi"]
    entry_id, device_id = (await world.entry("bulksms_eapi"))["entry_id"], await world.device_id("bulksms_eapi")
    successor = await world.add_account("bulksms", world.accounts["bulksms_eapi"].username)
    for provider in ("bulksms_eapi", successor):
        await world.send(provider, BOTH)
    await press(await show_device(world.window, title), texts("entity.button.check_now.name"))
    await world.arrival(BOTH)
    issue = texts("issues.deprecated_api.title", account=title)
    flow = await open_issue(world.window, issue)
    await flow.fill(password=WRONG)
    await flow.submit()
    await flow.refused(texts("issues.deprecated_api.fix_flow.error.invalid_auth", error="|"))
    await flow.fill(password=world.accounts[successor].password)
    await flow.submit()
    await flow.finish()
    await expect(world.window.page.get_by_text(issue)).to_have_count(0)
    entries = await world.home_assistant.get(f"{ENTRIES}?domain=sms_inbox")
    (world.titles["bulksms_eapi"],) = [entry["title"] for entry in entries if entry["entry_id"] == entry_id]
    compare(await world.device_id("bulksms_eapi"), device_id)
    await world.send(successor, "Sent after the move")
    await world.arrival("Sent after the move")
    compare([event["text"] for event in world.events].count(BOTH), 1)
    return "the same device, now with the other API; nothing came twice"


async def look_for_errors(world: World) -> str:
    """Look for errors of ours in the browser's console and in Home Assistant's log, and for secrets in the latter."""
    complaints = [complaint for window in world.windows for complaint in window.complaints if "sms_inbox" in complaint]
    log = world.home_assistant.log.read_text()
    secrets = [rf"(?<!\w){re.escape(secret)}(?!\w)" for secret in (*world.passwords, WRONG, *world.messages)]
    if told := sum(bool(re.search(secret, log)) for secret in secrets):
        raise ChildError(f"Home Assistant's log, {world.home_assistant.log}, tells {told} passwords or texts.")
    forged = [f"A webhook request for {title} was refused (" for title in world.refused]
    if untold := [refusal for refusal in forged if log.count(refusal) != 1]:
        raise ChildError(f"Not told once: {untold}")
    lines = [line for line in WARNING.findall(log) if not any(known in line for known in (_refusal(world), *forged))]
    if complaints or lines:
        raise ChildError("\n".join((*complaints, *lines)))
    return f"none but those of the password that was refused, and of {len(forged)} forged requests"


def _refusal(world: World) -> str:
    """Return how Home Assistant begins to tell that the password was refused."""
    told = world.texts("exceptions.invalid_auth.message", account=world.titles["bulksms"], error="|")
    return told.partition(" (|")[0]


STEPS: tuple[Step, ...] = (
    log_in,
    *(partial(add_account, provider=account.provider) for account in CUSTOMERS),
    build_automation,
    run_automation,
    refuse_filters,
    follow_country,
    check_now,
    get_messages,
    turn_on_sending,
    add_contact,
    build_answer,
    read_answer,
    type_sms,
    look_at_activity,
    show_dashboard,
    speak_german,
    log_in_again,
    reconfigure,
    choose_options,
    call_by_bulletin,
    call_by_bulksms,
    add_webhook,
    name_fields,
    keep_broken,
    stop_calls,
    *(partial(receive, preset=preset) for preset in PRESETS),
    hide_key,
    repair_unreadable,
    repair_deprecated,
    refuse_plain_http,
    register,
    renew,
    move,
    look_for_errors,
)
