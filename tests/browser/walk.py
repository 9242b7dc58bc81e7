"""A walk through the first evening with SMS Inbox that makes a gallery of its screens, to be looked at by a person."""

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
import json
from pathlib import Path
import shutil
from typing import Any

from playwright.async_api import Browser, Error

from emulator.protocol import Outgoing

from ..live.child import ChildError
from ..live.emulator import Account, Emulator
from ..live.entries import ENTRIES
from ..live.home_assistant import PASSWORD, REPOSITORY, USERNAME, HomeAssistant
from . import dashboards
from .gallery import HEIGHTS, Gallery
from .pages import (
    AutomationEditor,
    Flow,
    add_integration,
    attend,
    choose_in_entry_menu,
    configure,
    open_entry_menu,
    open_issue,
    open_options,
    set_external_url,
    show_device,
)
from .registration import plant_numbers
from .window import THEMES, Texts, Theme, chromium, sees
from .world import CUSTOMERS, NEIGHBOUR, World, customer, within

type Station = Callable[[Walk], Awaitable[None]]

BLUEPRINTS = REPOSITORY / "blueprints" / "automation"
COUNTRIES = {"de": "DE", "en": "GB"}
FOLDER = REPOSITORY / ".demo-walk"
MISSED = 180.0  # seconds after which a webhook that was missed must be noticed
MORE = (
    Account("smsgate", "/inbox"),
    Account("voipms", "/api/v1/rest.php", time_zone="America/New_York"),
    Account("clicksend", "/sms/inbound"),
    Account("elks", "/sms"),
)
NOWHERE = "http://127.0.0.1:9/nowhere"
PROVIDERS = (*CUSTOMERS, *MORE)
REFUSALS = 3
SHOW_DETAILS = "addEventListener('resize', () => document.querySelector('details[open]').scrollIntoView())"
"""Shows what is open on the emulator's page, whatever the window's size becomes."""
WITH_ZONE = ("bulksms_eapi", "gammu")


@dataclass
class Walk:
    """The walk in one language.

    Attributes:
        world: The servers and the window.
        gallery: Where the pictures go.
        english: The English texts that must not be seen, where the language is another one.
    """

    world: World
    gallery: Gallery
    english: Sequence[str]

    async def look(self, name: str, *, whole: bool = False) -> None:
        """Take pictures of the screen at hand, in a high window if it is to be seen without scrolling."""
        named = self.world.titles.values()
        english = [text for text in self.english if text not in named]
        await self.gallery.add(self.world.window, name, english, whole=whole)

    async def take(self, station: Station) -> None:
        """Go through the screens of a station; note where it ends early."""
        name = _name(station)
        try:
            await station(self)
        except (AssertionError, ChildError, Error, KeyError) as error:
            first = str(error).strip().splitlines()
            self.gallery.note(f"{name} ended early: {type(error).__name__} {' '.join(first[:6])[:600]}")
            with suppress(Error):
                await self.look(f"ended-early-{name}")
        else:
            print(f"ok  {self.gallery.language}  {name}", flush=True)
        await self.world.window.go("/config/dashboard")


async def log_in(walk: Walk) -> None:
    """Log in."""
    await walk.world.window.log_in(USERNAME, PASSWORD)


async def choose_provider(walk: Walk) -> None:
    """Find the integration, and look at the providers."""
    window = walk.world.window
    await window.move("/config/integrations/dashboard")
    await window.page.locator("ha-config-integrations-dashboard ha-button[slot=fab]").click()
    dialog = window.page.locator("dialog-add-integration")
    await dialog.locator("ha-input-search input").fill("sms")
    await dialog.locator("ha-integration-list-item", has_text="SMS Inbox").wait_for()
    await walk.look("find-integration")
    await dialog.locator("ha-integration-list-item", has_text="SMS Inbox").click()
    await sees(Flow(window).dialog, walk.world.texts("config.step.user.title"))
    await walk.look("providers")


async def add(walk: Walk, *, provider: str) -> None:
    """Add an account: the form, a wrong password, and the success."""
    world, texts = walk.world, walk.world.texts
    account = world.accounts[provider]
    known = {entry["entry_id"] for entry in await _entries(world)}
    flow = await add_integration(world.window, "sms", "SMS Inbox")
    await flow.choose(texts(f"config.step.user.menu_options.{provider}"))
    await sees(flow.dialog, texts(f"config.step.{provider}.title"))
    await walk.look(f"{provider}-form")
    await flow.fill(username=account.username, password="wrong", url=world.urls[provider])
    if provider in WITH_ZONE and account.time_zone:
        await flow.select(texts(f"config.step.{provider}.data.time_zone"), account.time_zone)
    if provider == "smsgate":
        await flow.fill(url="http://8.8.8.8:8080")
        await flow.submit()
        await flow.refused(texts("config.error.insecure_url"))
        await walk.look(f"{provider}-plain-http")
        await flow.fill(url=world.urls[provider])
    await flow.submit()
    await flow.refused(texts("config.error.invalid_auth", error="|"))
    await walk.look(f"{provider}-wrong-password")
    await flow.fill(password=account.password)
    await flow.submit()
    await flow.dialog.locator("step-flow-create-entry").wait_for()
    await walk.look(f"{provider}-added")
    await flow.finish()
    (title,) = {entry["title"] for entry in await _entries(world) if entry["entry_id"] not in known}
    world.titles[provider] = title


async def add_webhook(walk: Walk) -> None:
    """Add a known app that signs, and something else; look at the URL."""
    world, texts = walk.world, walk.world.texts
    source = "config.step.webhook_source"
    for preset in ("textbee", "other"):
        flow = await add_integration(world.window, "sms", "SMS Inbox")
        await flow.choose(texts("config.step.user.menu_options.webhook"))
        await sees(flow.dialog, texts("config.step.webhook.title"))
        if preset == "other":
            await walk.look("webhook-form")
        select = flow.dialog.locator("ha-selector-select")
        await select.locator("ha-picker-field").click()
        if preset == "other":
            await walk.look("webhook-presets")
        chosen = texts(f"selector.preset.options.{preset}")
        await select.locator("ha-dropdown-item").get_by_text(chosen, exact=True).click()
        if preset == "other":
            await flow.fill(name="Doorbell")
        await flow.submit()
        await sees(flow.dialog, texts(f"{source}.data.local_only"))
        await walk.look(f"webhook-{preset}")
        if preset == "textbee":
            await flow.submit()
            await walk.look("webhook-without-key")
            await flow.fill(signing_key="0123456789abcdef0123")
        await flow.submit()
        await sees(flow.dialog, texts("config.step.webhook_url.title"))
        await walk.look(f"webhook-{preset}-url")
        world.urls[preset] = await _shown_url(flow)
        await flow.submit()
        await flow.dialog.locator("step-flow-create-entry").wait_for()
        await walk.look(f"webhook-{preset}-added")
        await flow.finish()
        world.titles[preset] = chosen if preset == "textbee" else "Doorbell"


async def show_accounts(walk: Walk) -> None:
    """Look at the integration's page and at the menu of an account."""
    world = walk.world
    await world.window.move("/config/integrations/integration/sms_inbox")
    await world.window.page.locator("ha-config-entry-row").first.wait_for()
    await walk.look("accounts")
    await open_entry_menu(world.window, world.titles["bulletin"])
    await walk.look("account-menu")


async def show_message(walk: Walk) -> None:
    """Receive a message, and look at the device, at Activity, and at an entity."""
    world, window = walk.world, walk.world.window
    await world.send("bulletin", "Your parcel is at the neighbour's: number 12, blue door 📦")
    await world.arrival("Your parcel is at the neighbour's: number 12, blue door 📦")
    device = await show_device(window, world.titles["bulletin"])
    await sees(device.locator("ha-logbook"), NEIGHBOUR, exact=False)
    await walk.look("device")
    await window.go("/logbook")
    await sees(window.page.locator("ha-logbook"), NEIGHBOUR, exact=False)
    await walk.look("activity")
    device = await show_device(window, world.titles["bulletin"])
    row = device.locator("hui-sensor-entity-row").filter(has_text=world.texts("entity.sensor.last_message.name"))
    await row.locator("state-badge").click()
    await window.page.locator("ha-more-info-dialog ha-more-info-info").wait_for()
    await walk.look("last-message")


async def add_from_device(walk: Walk) -> None:
    """Begin an automation from the device's page."""
    world, window = walk.world, walk.world.window
    await show_device(window, world.titles["bulletin"])
    await window.page.get_by_text(await window.word("ui.dialogs.more_info_control.add_to.item")).first.click()
    option = await window.word("ui.dialogs.more_info_control.add_to.action_options.automation_trigger")
    await sees(window.page, option)
    await walk.look("device-add-to")
    await window.page.get_by_text(option, exact=True).first.click()
    dialog = window.page.locator("add-automation-element-dialog")
    await dialog.locator("ha-input-search, ha-list-item-button, ha-md-list-item").first.wait_for()
    await walk.look("device-new-trigger")
    await dialog.get_by_text(world.texts("triggers.received.name")).first.click()
    await window.page.locator("ha-automation-sidebar").wait_for()
    await walk.look("device-trigger-added")


async def _add(walk: Walk, kind: str, name: str) -> None:
    """Find a trigger or a condition in the automation editor and add it, by the name that it has on the screen."""
    page = walk.world.window.page
    await page.get_by_role("button", name=await walk.world.window.word(f"{EDITOR}.{kind}s.add")).click()
    dialog = page.locator("add-automation-element-dialog")
    await dialog.locator("ha-input-search input").fill("sms")
    found = dialog.locator("ha-combo-box-item").get_by_text(name, exact=True)
    await found.wait_for()
    await walk.look(f"find-{kind}")
    await found.click()
    await page.locator("ha-automation-sidebar").wait_for()
    await walk.look(kind)


async def build_automation(walk: Walk) -> None:
    """Build an automation with trigger and condition."""
    texts = walk.world.texts
    editor = AutomationEditor(walk.world.window)
    await editor.open()
    await _add(walk, "trigger", texts("triggers.received.name"))
    await editor.add_text(texts("triggers.received.fields.sender.name"), "07700 900123")
    await editor.write(texts("triggers.received.fields.text.name"), "gate")
    await walk.look("trigger-filled")
    await walk.look("trigger-whole", whole=True)
    await _add(walk, "condition", texts("conditions.message_matches.name"))


async def refuse_filter(walk: Walk) -> None:
    """Save a trigger that can't match."""
    world, texts = walk.world, walk.world.texts
    editor = AutomationEditor(world.window)
    await editor.open()
    await editor.add("trigger", "sms", texts("triggers.received.name"))
    await editor.add_text(texts("triggers.received.fields.sender.name"), "")
    await world.window.page.get_by_role("button", name=await world.window.word(f"{EDITOR}.actions.add")).click()
    dialog = world.window.page.locator("add-automation-element-dialog")
    name = await world.window.word("component.persistent_notification.services.create.name")
    await dialog.locator("ha-input-search input").fill(name)
    await dialog.locator("ha-combo-box-item").first.click()
    await sees(world.window.page.locator("ha-automation-sidebar"), name, exact=False)
    await editor.save("Never")
    await editor.refused()
    await walk.look("refused-filter")


async def use_blueprint(walk: Walk) -> None:
    """Look at the blueprints, import one, and look at the forms of some."""
    window = walk.world.window
    await window.move("/config/blueprint/dashboard")
    await window.page.locator("ha-blueprint-overview").get_by_text("sms_inbox/keyword.yaml").first.wait_for()
    await walk.look("blueprints")
    await window.page.locator("ha-blueprint-overview ha-button[slot=fab], ha-blueprint-overview ha-fab").first.click()
    dialog = window.page.locator("ha-dialog-import-blueprint")
    await dialog.locator("ha-input input").wait_for()
    await walk.look("blueprint-import")
    await dialog.locator("ha-input input").fill(f"{walk.world.home_assistant.url}/local/forward.yaml")
    await dialog.locator("ha-button[slot=primaryAction]").click()
    await dialog.locator("ha-expansion-panel").wait_for()
    await walk.look("blueprint-preview")
    await dialog.locator("ha-button[slot=primaryAction]").click()
    await window.page.locator("ha-blueprint-overview").get_by_text("127.0.0.1/forward.yaml").first.wait_for()
    await walk.look("blueprint-imported")
    for name in ("keyword", "one_time_code", "announce"):
        await window.go("/config/blueprint/dashboard")
        await window.page.locator("ha-blueprint-overview").get_by_text(f"sms_inbox/{name}.yaml").first.click()
        await window.page.locator("blueprint-automation-editor").wait_for()
        await walk.look(f"blueprint-{name}")


async def choose_options(walk: Walk) -> None:
    """Look at the options of a polled account and of a webhook."""
    world, texts = walk.world, walk.world.texts
    options = "options.step"
    for account in ("bulletin", "other"):
        flow = await open_options(world.window, world.titles[account])
        await sees(flow.dialog, texts(f"{options}.init.title"))
        await walk.look(f"options-{account}")
        await flow.close()
    for account, option, step in (
        ("bulletin", "storage", "storage"),
        ("bulletin", "webhook", "webhook"),
        ("bulksms", "webhook", "webhook"),
        ("bulksms", "sending", "sending"),
        ("twilio", "sending", "sending"),
        ("smsgate", "webhook", "webhook"),
        ("other", "webhook", "webhook"),
        ("other", "fields", "fields_first"),
        ("other", "signature", "signature"),
    ):
        flow = await configure(world.window, world.titles[account], texts(f"{options}.init.menu_options.{option}"))
        await sees(flow.dialog, texts(f"{options}.{step}.title"))
        await walk.look(f"options-{account}-{option}")
        await flow.close()


async def receive_webhooks(walk: Walk) -> None:
    """Have a provider send webhooks: the URL, the wait, the success; and choose where to register the URL."""
    world, texts = walk.world, walk.world.texts
    option = texts("options.step.init.menu_options.webhook")
    switch = texts("options.step.webhook.data.webhook")
    flow = await configure(world.window, world.titles["bulletin"], option)
    await flow.turn(switch, on=True)
    await flow.submit()
    await sees(flow.dialog, texts("options.step.webhook_url.title"))
    await walk.look("bulletin-webhook-url")
    address = await _shown_url(flow)
    await flow.submit()
    provider = "Bulletin Messenger"
    await sees(flow.dialog, texts("options.progress.wait_for_webhook", provider=provider))
    await walk.look("bulletin-webhook-waiting")
    await world.paste_address("bulletin", address)
    await world.send("bulletin", "By webhook")
    await sees(flow.dialog, texts("options.step.webhook_received.title"))
    await walk.look("bulletin-webhook-works")
    await flow.submit()
    await flow.saved()
    await world.paste_address("bulletin", "")
    entry_id = (await world.entry("bulletin"))["entry_id"]
    await world.home_assistant.post(f"{ENTRIES}/{entry_id}/reload")
    await world.poll("bulletin")
    await world.send("bulletin", "Without a webhook")  # two minutes later the webhook counts as failing
    flow = await configure(world.window, world.titles["twilio"], option)
    await flow.turn(switch, on=True)
    await flow.submit()
    await sees(flow.dialog, texts("options.step.places.title"))
    await walk.look("twilio-webhook-places")
    await flow.submit()
    await flow.dialog.locator("step-flow-progress").wait_for()
    await flow.close()


async def map_fields(walk: Walk) -> None:
    """Post something in which no text is found, and look at the mapping and at the repair."""
    world, texts = walk.world, walk.world.texts
    body = json.dumps({"event": "ring", "visitor": {"number": NEIGHBOUR, "says": "Somebody is at the door"}}).encode()
    headers = {"Content-Type": "application/json"}
    await world.request(Outgoing(method="POST", url=world.urls["other"], headers=headers, body=body))
    flow = await open_issue(world.window, texts("issues.unreadable_webhook.title", account=world.titles["other"]))
    await sees(flow.dialog, "visitor", exact=False)
    await walk.look("repair-unreadable-webhook")
    await world.window.go("/config/dashboard")
    option = texts("options.step.init.menu_options.fields")
    flow = await configure(world.window, world.titles["other"], option)
    await sees(flow.dialog, "visitor", exact=False)
    await walk.look("field-mapping")
    await walk.look("field-mapping-whole", whole=True)
    await flow.dialog.locator("ha-selector-select ha-generic-picker").first.click()
    await world.window.page.locator("ha-picker-combo-box:visible").wait_for()
    await walk.look("field-mapping-choose")


async def get_messages(walk: Walk) -> None:
    """Look at the action in the developer tools."""
    page = walk.world.window.page
    await walk.world.window.go("/config/tools/action")
    await page.locator("ha-service-picker").click()
    box = page.locator("ha-picker-combo-box:visible")
    name = walk.world.texts("services.get_messages.name")
    await box.locator("input").fill(name)
    await box.locator("ha-combo-box-item").get_by_text(name, exact=True).click()
    await page.locator("ha-service-control").wait_for()
    await walk.look("action")


async def download_diagnostics(walk: Walk) -> None:
    """Download diagnostics, in which no text, number, login or URL may be."""
    world, page = walk.world, walk.world.window.page
    number = NEIGHBOUR.removeprefix("+")
    private = {*world.passwords, *world.messages, number, "Somebody is at the door", *world.urls.values()}
    for account in ("bulletin", "other"):
        async with page.expect_download() as download:
            await choose_in_entry_menu(world.window, world.titles[account], "download_diagnostics")
        file = Path(await (await download.value).path())
        shown = json.dumps(json.loads(file.read_text()), ensure_ascii=False)
        if told := sum(secret in shown for secret in private):
            raise ChildError(f"The diagnostics of {world.titles[account]} tell {told} things that are private.")
        shutil.copy(file, walk.gallery.folder / f"{walk.gallery.language}-diagnostics-{account}.json")


async def reconfigure(walk: Walk) -> None:
    """Reconfigure accounts, with a server that isn't there."""
    world = walk.world
    for account in ("bulletin", "gammu", "twilio"):
        flow = await choose_in_entry_menu(world.window, world.titles[account], "reconfigure")
        await flow.dialog.locator("step-flow-form").wait_for()
        await walk.look(f"reconfigure-{account}")
        if account == "bulletin":
            await flow.fill(url=NOWHERE)
            await flow.submit()
            await flow.refused(world.texts("config.error.cannot_connect", error="|"))
            await walk.look("reconfigure-unreachable")
        await flow.close()
    await choose_in_entry_menu(world.window, world.titles["other"], "reconfigure")
    await world.window.page.locator("step-flow-form, step-flow-abort").wait_for()
    await walk.look("reconfigure-webhook")


async def log_in_again(walk: Walk) -> None:
    """Change a password at the provider, and look at how Home Assistant asks for it."""
    world = walk.world
    await world.change_password("elks")
    for _ in range(2):
        with suppress(ChildError):
            await world.check_now("elks")

    async def is_asked() -> bool:
        flows = await world.ask("config_entries/flow/progress")
        return any(flow["context"]["source"] == "reauth" for flow in flows)

    await within("that Home Assistant asks to log in again", is_asked)
    await world.window.move("/config/integrations/integration/sms_inbox")
    await world.window.page.locator("ha-list-item-base.attention").wait_for()
    await walk.look("attention")
    flow = await attend(world.window, world.titles["elks"])
    await flow.dialog.locator("step-flow-form").wait_for()
    await walk.look("login-again")
    await flow.fill(password=world.accounts["elks"].password)
    await flow.submit()
    await flow.dialog.locator("step-flow-abort").wait_for()
    await walk.look("logged-in-again")


async def show_repairs(walk: Walk) -> None:
    """Let several things go wrong, and look at the repairs."""
    world, texts, emulator = walk.world, walk.world.texts, walk.world.emulator
    username = world.accounts["bulksms_eapi"].username
    raw = "17340300|447700900123|Parcel at the door"
    await emulator.post("/admin/messages", {"provider": "bulksms_eapi", "username": username, "raw": raw})
    fault = {"provider": "voipms", "kind": "refused", "reason": "ip_not_enabled", "count": None}
    await emulator.post("/admin/faults", fault)
    await emulator.post("/admin/faults", {"provider": "elks", "kind": "redirect", "location": "/login", "count": None})
    for provider in ("voipms", "elks", "bulksms_eapi"):
        for _ in range(REFUSALS):
            with suppress(ChildError):
                await world.check_now(provider)
    request = Outgoing(
        method="POST",
        url=world.urls["other"],
        headers={"Content-Type": "application/json"},
        body=b'{"text": "Nobody sent this"}',
    )
    await world.request(request)
    await set_external_url(world.window, "https://home.example.org")
    with suppress(ChildError):
        await world.poll("twilio")
    await within("that the webhook that was missed is noticed", partial(_has_issue, world, "webhook_failing"), MISSED)
    await world.window.go("/config/repairs")
    title = texts("issues.unreadable.title", account=world.titles["bulksms_eapi"])
    await sees(world.window.page.locator("ha-config-repairs"), title)
    await walk.look("repairs")
    issues = [issue for issue in (await world.ask("repairs/list_issues"))["issues"] if issue["domain"] == "sms_inbox"]
    for issue in issues:
        placeholders = issue["translation_placeholders"] or {}
        title = texts(f"issues.{issue['translation_key']}.title", **placeholders)
        await open_issue(world.window, title)
        dialog = world.window.page.locator("dialog-data-entry-flow, dialog-repairs-issue")
        await dialog.locator("ha-markdown p").first.wait_for()
        name = f"repair-{issue['translation_key']}-{issue['issue_id'].rpartition('_')[2][-4:]}"
        await walk.look(name)
        if issue["translation_key"].startswith("unreadable"):
            fix = f"issues.{issue['translation_key']}.fix_flow.step"
            await Flow(world.window).choose(texts(f"{fix}.init.menu_options.discard"))
            await sees(dialog, texts(f"{fix}.discard.title"))
            await walk.look(f"{name}-discard")
        await world.window.go("/config/dashboard")
    await emulator.delete("/admin/faults")


async def remove(walk: Walk) -> None:
    """Remove an account."""
    world, page = walk.world, walk.world.window.page
    await choose_in_entry_menu(world.window, world.titles["clicksend"], "delete")
    dialog = page.locator("dialog-box")
    await dialog.locator("ha-button[variant=danger]").wait_for()
    await walk.look("remove")
    await dialog.locator("ha-button[variant=danger]").click()

    async def is_gone() -> bool:
        return all(entry["title"] != world.titles["clicksend"] for entry in await _entries(world))

    await within("that the account is gone", is_gone)
    await walk.look("removed")


async def show_dashboard(walk: Walk) -> None:
    """Look at the dashboard of the documentation."""
    await dashboards.show_dashboard(walk.world)
    await walk.look("dashboard")


async def show_emulator(walk: Walk) -> None:
    """Look at the emulator's page."""
    world = walk.world
    window = world.window
    home = window
    world.window = await world.open_window(world.emulator.url)
    try:
        account = world.accounts["bulletin"]
        box = world.window.page.get_by_role("combobox", name="Account")
        await box.select_option(f"{account.provider}/{account.username}")
        await walk.gallery.add(world.window, "emulator")
        await world.window.page.locator("summary", has_text="ClickSend").click()
        await world.window.page.evaluate(SHOW_DETAILS)
        await walk.gallery.add(world.window, "emulator-account")
    finally:
        await world.window.close()
        world.window = home


STATIONS: tuple[Station, ...] = (
    log_in,
    choose_provider,
    *(partial(add, provider=account.provider) for account in PROVIDERS),
    add_webhook,
    show_accounts,
    show_message,
    receive_webhooks,
    add_from_device,
    build_automation,
    refuse_filter,
    use_blueprint,
    choose_options,
    map_fields,
    get_messages,
    download_diagnostics,
    reconfigure,
    log_in_again,
    show_emulator,
    show_dashboard,
    show_repairs,
    remove,
)
EDITOR = "ui.panel.config.automation.editor"


async def walk_through(options: argparse.Namespace) -> bool:
    """Walk in each language that was asked for; return whether no station ended early."""
    folder = Path(options.walk)
    ok = True
    for language in options.language or (COUNTRIES if options.all else ["en"]):
        widths = options.width or (list(HEIGHTS) if options.all else [1280])
        themes: list[Theme] = options.theme or (list(THEMES) if options.all else ["light"])
        gallery = Gallery(folder, language, widths, themes)
        async with _walk(options, gallery) as walk:
            for station in STATIONS:
                await walk.take(station)
        gallery.finish()
        ok = ok and not any("ended early" in note for note in gallery.notes)
    print(f"The pictures, the sheets with many of them, and the notes are in {folder}.")
    return ok


@asynccontextmanager
async def _walk(options: argparse.Namespace, gallery: Gallery) -> AsyncIterator[Walk]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    accounts = {account.provider: customer(account) for account in PROVIDERS}
    plant_numbers(FOLDER / "emulator.json", accounts["twilio"])
    language = gallery.language
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(options.emulator_port, FOLDER / "emulator.json"))
        shutil.copytree(BLUEPRINTS, FOLDER / "home-assistant" / "blueprints" / "automation")
        shutil.copytree(BLUEPRINTS / "sms_inbox", FOLDER / "home-assistant" / "www")  # to be imported from
        home_assistant = HomeAssistant(FOLDER / "home-assistant", options.port, more=dashboards.WITHOUT)
        await stack.enter_async_context(home_assistant)
        browser: Browser = await stack.enter_async_context(chromium(headed=options.headed))
        country = COUNTRIES[language]
        world = World(home_assistant, emulator, browser, accounts, locale=f"{language}-{country}")
        await world.begin()
        await world.ask("config/core/update", language=language, country=country)
        english, texts = Texts("en").by_key, world.texts.by_key
        foreign = sorted({text for key, text in english.items() if texts[key] != text and len(text) > 4})
        yield Walk(world, gallery, foreign)


async def _entries(world: World) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = await world.home_assistant.get(f"{ENTRIES}?domain=sms_inbox")
    return entries


async def _has_issue(world: World, key: str) -> bool:
    """Whether there is an issue of a kind."""
    return any(issue["translation_key"] == key for issue in (await world.ask("repairs/list_issues"))["issues"])


async def _shown_url(flow: Flow) -> str:
    """Return the URL that a dialog shows."""
    return (await flow.dialog.locator(".cm-content").inner_text()).strip()


def _name(station: Station) -> str:
    if isinstance(station, partial):
        return f"{station.func.__name__}-{'-'.join(station.keywords.values())}"
    return str(getattr(station, "__name__", station))
