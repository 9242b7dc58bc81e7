"""What a person does on the pages of Home Assistant's front end."""

import re

from playwright.async_api import Locator, Page, expect

from .window import Window, sees

INTEGRATIONS = "ui.panel.config.integrations"


async def pick(page: Page, picker: Locator, option: str) -> None:
    """Take an option out of a list that one can search."""
    await picker.click()
    box = page.locator("ha-picker-combo-box:visible")
    await box.locator("ha-combo-box-item").get_by_text(option, exact=True).first.click()


class Flow:
    """The dialog in which Home Assistant asks something, step by step."""

    def __init__(self, window: Window) -> None:
        """Take the dialog of a window, which may open later."""
        self.dialog = window.page.locator("dialog-data-entry-flow")
        self._page = window.page
        self._word = window.word

    async def choose(self, option: str) -> None:
        """Take an option of the menu at hand."""
        await self.dialog.get_by_text(option, exact=True).click()

    async def fill(self, **fields: str) -> None:
        """Type into fields, which may be in a section that is closed."""
        for name, value in fields.items():
            field = self.field(name)
            await field.wait_for(state="attached")
            if not await field.is_visible():
                section = self.dialog.locator("ha-form-expandable").filter(has=self._page.locator(f"[name={name}]"))
                await section.get_by_role("heading").click()
            await field.fill(value)

    def field(self, name: str) -> Locator:
        """Return a text field."""
        return self.dialog.locator(f"input[name={name}]")

    async def select(self, label: str, option: str) -> None:
        """Take an option of the drop-down list with a label."""
        select = self.dialog.locator("ha-selector-select").filter(has=self._page.get_by_text(label))
        await select.locator("ha-picker-field").click()
        await select.locator("ha-dropdown-item").get_by_text(option, exact=True).click()

    async def pick(self, label: str, option: str) -> None:
        """Take an option out of the list with a label, which one can search."""
        select = self.dialog.locator("ha-selector-select").filter(has=self._page.get_by_text(label, exact=True))
        await pick(self._page, select.locator("ha-generic-picker"), option)

    async def turn(self, label: str, *, on: bool) -> None:
        """Turn the switch with a label on, or off, whatever it was before."""
        switch = self.switch_of(label)
        await switch.wait_for()
        if await switch.evaluate("(element) => element.checked") != on:
            await switch.click()

    async def shows_switch(self, label: str, *, on: bool) -> None:
        """Wait until the switch with a label is shown on, or off."""
        await expect(self.switch_of(label)).to_have_js_property("checked", on)

    def switch_of(self, label: str) -> Locator:
        """Return the switch with a label."""
        selector = self.dialog.locator("ha-selector-boolean").filter(has=self._page.get_by_text(label, exact=True))
        return selector.locator("ha-switch")

    async def boxes(self) -> dict[str, bool]:
        """Return the boxes of a list, by label, and whether each is ticked."""
        boxes = self.dialog.locator("ha-selector-select ha-checkbox")
        await boxes.first.wait_for()
        return {
            (await box.inner_text()).strip(): bool(await box.evaluate("(element) => element.checked"))
            for box in await boxes.all()
        }

    async def tick(self, label: str) -> None:
        """Tick a box of a list, or untick it."""
        await self.dialog.locator("ha-selector-select ha-checkbox").filter(has_text=label).click()

    async def copy(self) -> str:
        """Press the button that copies what is shown, and return what was copied."""
        await self.dialog.get_by_role("button", name="Copy to clipboard").click()
        await sees(self._page, "Copied to clipboard")
        await self._page.context.grant_permissions(["clipboard-read"])
        return str(await self._page.evaluate("navigator.clipboard.readText()"))

    async def submit(self) -> None:
        """Press the button that goes on."""
        await self.dialog.locator("ha-dialog-footer ha-button[slot=primaryAction]").click()

    async def refused(self, error: str) -> None:
        """Wait until the form says what is wrong; `|` stands for the vendor's own reason."""
        text = ".+".join(map(re.escape, error.split("|")))
        await expect(self.dialog.locator("ha-alert")).to_contain_text(re.compile(text))

    async def finish(self) -> None:
        """Wait for the last page, press its button, and wait until the dialog is gone."""
        await self.dialog.locator("step-flow-create-entry, step-flow-abort").wait_for()
        await self.dialog.locator("ha-dialog-footer ha-button").click()
        await self._gone()

    async def saved(self) -> None:
        """Wait until it says that options are saved, and leave it."""
        await sees(self.dialog, await self._word("ui.dialogs.options_flow.success.description"))
        await self.finish()

    async def close(self) -> None:
        """Leave it as it is."""
        await self.dialog.get_by_role("button", name=await self._word("ui.common.close"), exact=True).click()
        await self._gone()

    async def _gone(self) -> None:
        await expect(self.dialog.locator("ha-dialog-footer, step-flow-menu")).to_have_count(0)


async def add_integration(window: Window, search: str, name: str) -> Flow:
    """Begin to add an integration."""
    await window.move("/config/integrations/dashboard")
    await window.page.locator("ha-config-integrations-dashboard ha-button[slot=fab]").click()
    dialog = window.page.locator("dialog-add-integration")
    await dialog.locator("ha-input-search input").fill(search)
    await dialog.locator("ha-integration-list-item", has_text=name).click()
    return Flow(window)


async def open_issue(window: Window, title: str) -> Flow:
    """Open a repair issue in the settings."""
    await window.go("/config/repairs")
    await window.page.locator("ha-config-repairs").get_by_text(title, exact=True).click()
    return Flow(window)


async def attend(window: Window, title: str) -> Flow:
    """Answer where the integration's page says that an account needs attention."""
    await _show_integration(window)
    row = window.page.locator("ha-list-item-base.attention").filter(has=window.page.get_by_text(title, exact=True))
    await row.get_by_role("button", name=await window.word(f"{INTEGRATIONS}.reconfigure")).click()
    return Flow(window)


async def configure(window: Window, title: str, option: str) -> Flow:
    """Open some of the options of an account."""
    flow = await open_options(window, title)
    await flow.choose(option)
    return flow


async def open_options(window: Window, title: str) -> Flow:
    """Open the options of an account."""
    row = await _entry_row(window, title)
    await row.get_by_role(
        "button", name=await window.word(f"{INTEGRATIONS}.config_entry.configure")
    ).first.click()  # contacts have one, too
    return Flow(window)


async def open_entry_menu(window: Window, title: str) -> Locator:
    """Open the menu of an account, and return its row."""
    row = await _entry_row(window, title)
    await row.get_by_role("button", name=await window.word("ui.common.menu")).first.click()
    return row


async def choose_in_entry_menu(window: Window, title: str, item: str) -> Flow:
    """Take an item of the menu of an account, by its key in the front end's translations."""
    row = await open_entry_menu(window, title)
    name = await window.word(f"{INTEGRATIONS}.config_entry.{item}")
    await row.locator("ha-dropdown-item").get_by_text(name, exact=True).click()
    return Flow(window)


async def reload_entry(window: Window, title: str) -> None:
    """Reload an account; who leaves the page before that is done, cancels it."""
    async with window.page.expect_response(re.compile(r"/reload$")):
        await choose_in_entry_menu(window, title, "reload")


async def _entry_row(window: Window, title: str) -> Locator:
    await _show_integration(window)
    return window.page.locator("ha-config-entry-row").filter(has=window.page.get_by_text(title, exact=True))


async def _show_integration(window: Window) -> None:
    await window.move("/config/integrations/integration/sms_inbox")


class AutomationEditor:
    """The automation editor, beginning with a new automation."""

    def __init__(self, window: Window) -> None:
        """Take the window in which to open it."""
        self._window = window
        self._page = window.page
        self._sidebar = window.page.locator("ha-automation-sidebar")

    async def open(self) -> None:
        """Begin a new automation, from the list of automations."""
        await self._window.go("/config/automation/dashboard")
        await self._page.get_by_role("button", name=await self._word("picker.add_automation")).click()
        await self._page.get_by_text(await self._word("dialog_new.create_empty")).click()

    async def open_with_trigger(self, device: str, name: str) -> None:
        """Begin a new automation from a device's page, with a trigger that is offered there."""
        page = await show_device(self._window, device)
        await page.get_by_text(await self._window.word("ui.dialogs.more_info_control.add_to.item")).click()
        option = "ui.dialogs.more_info_control.add_to.action_options.automation_trigger"
        await self._page.get_by_text(await self._window.word(option), exact=True).click()
        await self._page.locator("add-automation-element-dialog").get_by_text(name).first.click()
        await sees(self._sidebar, name, exact=False)
        await sees(self._sidebar, device)

    async def add(self, what: str, search: str, name: str) -> None:
        """Add a trigger or an action, found by a search."""
        await self._page.get_by_role("button", name=await self._word(f"editor.{what}s.add")).click()
        dialog = self._page.locator("add-automation-element-dialog")
        await dialog.locator("ha-input-search input").fill(search)
        await dialog.locator("ha-combo-box-item").get_by_text(name).first.click()
        await sees(self._sidebar, name, exact=False)

    async def option(self, name: str) -> Locator:
        """Return the row of an option, which is switched on."""
        row = self._sidebar.locator("ha-settings-row").filter(has=self._page.get_by_text(name, exact=True))
        box = row.get_by_role("checkbox")
        if await box.count() and not await box.is_checked():
            await row.locator("ha-checkbox").click()
        return row

    async def scroll_to_top(self) -> None:
        """Show the beginning of the sidebar."""
        await self._sidebar.locator("ha-target-picker").scroll_into_view_if_needed()

    async def write(self, name: str, text: str) -> None:
        """Type a text."""
        row = await self.option(name)
        await row.locator("input:not([type=checkbox]), textarea, .cm-content").last.fill(text)

    async def add_text(self, name: str, text: str) -> None:
        """Add a text to a list of texts."""
        row = await self.option(name)
        await row.get_by_role("button", name=await self._window.word("ui.common.add")).click()
        await row.locator("ha-input-multi input").last.fill(text)

    async def mark(self, name: str, value: str, label: str) -> None:
        """Choose one of several buttons; its label may not be translated before, where the editor was too quick."""
        row = await self.option(name)
        await row.locator(f"ha-radio-option[value={value}]").click()
        await sees(row, label)

    async def save(self, name: str) -> None:
        """Save under a name."""
        save = await self._window.word("ui.common.save")
        await self._page.get_by_role("button", name=save, exact=True).click()
        dialog = self._page.locator("ha-dialog-automation-save")
        await dialog.locator("ha-input input").fill(name)
        await dialog.get_by_role("button", name=save).click()

    async def saved(self) -> str:
        """Wait until it is saved, and return its id."""
        await self._page.wait_for_url(re.compile(r"/config/automation/edit/(?!new)"))
        return self._page.url.rpartition("/")[2]

    async def refused(self) -> str:
        """Wait until it is refused, and return the reason."""
        alert = self._page.locator("manual-automation-editor ha-alert")
        await expect(alert).to_be_visible()
        return (await alert.inner_text()).strip()

    async def _word(self, key: str) -> str:
        return await self._window.word(f"ui.panel.config.automation.{key}")


async def choose_country(window: Window, country: str) -> None:
    """Choose the country in the general settings."""
    await window.go("/config/general")
    page = window.page
    settings = page.locator("ha-config-section-general")
    await settings.locator("ha-country-picker ha-generic-picker").click()
    box = page.locator("ha-picker-combo-box:visible")
    await box.locator("input").fill(country)
    await box.locator("ha-combo-box-item").get_by_text(country, exact=True).first.click()
    await settings.get_by_role("button", name="Save").last.click()


async def set_external_url(window: Window, url: str) -> None:
    """Enter another address for the internet in the network settings."""
    await window.go("/config/network")
    form = window.page.locator("ha-config-url-form")
    field = form.locator("[data-name=external_url] input")
    await field.fill(url)
    await field.press("Tab")
    await form.get_by_role("button", name=await window.word("ui.common.save")).click()
    await expect(field).to_be_enabled()


async def show_device(window: Window, device: str) -> Locator:
    """Go to a device as one would, by way of the integration's page, and return its page."""
    await _show_integration(window)
    await window.page.locator("ha-config-entry-device-row").get_by_text(device, exact=True).click()
    page = window.page.locator("ha-config-device-page")
    await page.locator("ha-device-info-card").wait_for()
    return page


async def press(device: Locator, button: str) -> None:
    """Press a button on a device's page."""
    row = device.locator("hui-button-entity-row").filter(has=device.page.get_by_text(button, exact=True))
    await row.locator("ha-button").click()


async def perform_action(window: Window, name: str) -> Locator:
    """Perform an action in the tools, as it stands there, and return its answer."""
    page = window.page
    await window.go("/config/tools/action")
    await page.locator("ha-service-picker").click()
    box = page.locator("ha-picker-combo-box:visible")
    await box.locator("input").fill(name)
    await box.locator("ha-combo-box-item").get_by_text(name, exact=True).click()
    await page.get_by_role("button", name="Perform action").click()
    return page.locator("tools-action ha-yaml-editor")
