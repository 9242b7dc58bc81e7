"""The README's pictures: the device page and the emulator's page, from a running demo."""

import argparse
import asyncio
from pathlib import Path
import shutil

from playwright.async_api import Browser, Page, async_playwright

from scripts.lib.home_assistant import PASSWORD, REPOSITORY, USERNAME

IMAGES = REPOSITORY / "docs" / "images"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


async def open_page(browser: Browser, url: str, width: int, height: int) -> Page:
    """Open a page in a window of its own."""
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    page = await context.new_page()
    await page.goto(url)
    return page


async def take_emulator(browser: Browser, url: str) -> None:
    """Take the emulator's page, with a message of each kind."""
    page = await open_page(browser, url, 1180, 760)
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=IMAGES / "emulator.png")


async def take_device(browser: Browser, url: str) -> None:
    """Log in, and take the page of the first account's device."""
    page = await open_page(browser, url, 1180, 760)
    await page.fill("input[name=username]", USERNAME)
    await page.fill("input[name=password]", PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.locator("home-assistant-main").wait_for(state="attached")
    await page.goto(f"{url}/config/integrations/integration/sms_inbox")
    await page.get_by_text("Bulletin Messenger").first.wait_for()
    await page.locator("ha-config-entry-device-row", has_text="Bulletin Messenger").click()
    await page.get_by_text("Last message").first.wait_for()
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=IMAGES / "device.png")


async def run(options: argparse.Namespace) -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        await take_emulator(browser, f"http://127.0.0.1:{options.emulator_port}")
        await take_device(browser, f"http://127.0.0.1:{options.port}")
        await browser.close()
    for image in sorted(IMAGES.glob("*.png")):
        print(f"{Path(image).relative_to(REPOSITORY)}: {image.stat().st_size // 1024} KB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="scripts/screenshots", add_help=False)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--emulator-port", type=int, default=8125)
    asyncio.run(run(parser.parse_args()))
