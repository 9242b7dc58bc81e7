"""What a person does to let an account send: the options, a contact, and an automation that answers."""

from functools import partial
import re
from typing import Any

from playwright.async_api import expect

from .pages import AutomationEditor, configure, open_entry_menu, show_device
from .window import sees
from .world import World, within

ANSWERING = "Answer by SMS"
CONTACT, NUMBER, DIALLED = "Anna", "+447700900321", "07700 900321"
QUESTION = "Status"
SUBENTRY = "config_subentries.contact"


async def turn_on_sending(world: World) -> str:
    """Open the options about sending, and save them as they are."""
    texts = world.texts
    flow = await configure(world.window, world.titles["bulksms"], texts("options.step.init.menu_options.sending"))
    await sees(flow.dialog, texts("options.step.sending.data.send"))
    await world.picture("sending", height=1100)
    await flow.submit()
    await flow.saved()
    return "saved with the limits that it proposes"


async def add_contact(world: World) -> str:
    """Add a contact by a number as one dials it, and look at its device."""
    texts, page = world.texts, world.window.page
    row = await open_entry_menu(world.window, world.titles["bulksms"])
    await row.locator("ha-dropdown-item").get_by_text(texts(f"{SUBENTRY}.initiate_flow.user"), exact=True).click()
    dialog = page.locator("dialog-data-entry-flow")
    await sees(dialog, texts(f"{SUBENTRY}.step.user.title", account=world.titles["bulksms"]))
    await expect(dialog.locator("ha-alert")).to_have_count(0)
    await dialog.locator("input[name=name]").fill(CONTACT)
    await dialog.locator("input[name=number], input[type=tel]").first.fill(DIALLED)
    await world.picture("contact", height=900)
    await dialog.locator("ha-dialog-footer ha-button[slot=primaryAction]").click()
    await dialog.locator("step-flow-create-entry").wait_for()
    await dialog.locator("ha-dialog-footer ha-button").click()
    entity = await _notify_entity(world)
    await world.home_assistant.post("/api/services/notify/send_message", {"entity_id": entity, "message": "Hello Anna"})
    await _see_on_phone(world, "Hello Anna")
    device = await show_device(world.window, CONTACT)
    await sees(device, CONTACT)
    await world.picture("contact-device")
    return f"{entity} sends to {NUMBER}"


async def build_answer(world: World) -> str:
    """Build an automation that answers, by clicking, and let it answer."""
    texts = world.texts
    editor = AutomationEditor(world.window)
    await editor.open_with_trigger(world.titles["bulksms"], texts("triggers.received.name"))
    await editor.write(texts("triggers.received.fields.text.name"), QUESTION)
    await editor.add("action", "reply", texts("services.reply.name"))
    await editor.write(texts("services.reply.fields.message.name"), "All is well, {{ trigger.contact }}.")
    await world.picture("reply", height=1100)
    await editor.save(ANSWERING)
    automation = await editor.saved()
    await world.armed(automation)
    await world.send("bulksms", QUESTION, sender=NUMBER)
    await world.check_now("bulksms")
    await _see_on_phone(world, f"All is well, {CONTACT}.")
    return "the phone shows the answer"


async def read_answer(world: World) -> str:
    """Read the answer on the emulator's phone."""
    window = await world.open_window(world.emulator.url)
    account = world.accounts["bulksms"]
    await window.page.get_by_role("combobox", name="Account").select_option(f"{account.provider}/{account.username}")
    await window.page.get_by_label("Number", exact=True).fill(NUMBER)
    talk = window.page.get_by_role("log")
    await expect(talk.locator("li").last).to_contain_text(f"All is well, {CONTACT}.")
    await expect(talk.locator("li").last).to_contain_text(re.compile("delivered, 1 SMS"))
    await world.picture("emulator", window)
    await window.close()
    return "with its sender, its state and its parts"


async def _notify_entity(world: World) -> str:
    """Return the contact's notify entity, once it is there."""
    found: list[str] = []

    async def is_there() -> bool:
        entities: list[dict[str, Any]] = await world.ask("config/entity_registry/list")
        found.extend(each["entity_id"] for each in entities if each["entity_id"].startswith("notify."))
        return bool(found)

    await within("the notify entity", is_there)
    return found[0]


async def _see_on_phone(world: World, text: str) -> None:
    """Wait until a phone shows a text, once."""
    world.messages.add(text)
    await within(f"{text!r} on the phone", partial(_is_on_phone, world, text))


async def _is_on_phone(world: World, text: str) -> bool:
    """Whether the contact's phone shows a text, once."""
    entries = (await world.emulator.get("/admin/handsets"))["entries"]
    return [each["recipient"] for each in entries if each["text"] == text] == [NUMBER]
