# /// script
# requires-python = ">=3.14"
# dependencies = ["pillow", "playwright"]
# ///
"""Draw the PNGs in custom_components/sms_inbox/brand from the SVGs beside this script."""

from collections import Counter
from io import BytesIO
from pathlib import Path
from shutil import which
from struct import pack
from zlib import compress, crc32

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

SOURCES = Path(__file__).parent
TARGET = SOURCES.parents[1] / "custom_components" / "sms_inbox" / "brand"
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CLEAR = bytes(4)
SOLID = 255
STEP = 17


def screenshot(browser: Browser, svg: str, scale: int) -> Image.Image:
    """Return the drawing at its own size times `scale`, on a transparent background."""
    page = browser.new_page(device_scale_factor=scale, offline=True)
    page.set_content(f"<style>svg {{ position: absolute; inset: 0 }}</style>{svg}")
    png = page.locator("svg").screenshot(omit_background=True)
    page.close()
    return Image.open(BytesIO(png)).convert("RGBA")


def few_colours(pixels: list[bytes]) -> list[bytes]:
    """Draw the soft edges between flat colours in a few steps, so that the image fits a palette."""
    counts = Counter(pixels)
    flat = [colour for colour, count in counts.items() if colour[3] == SOLID and count * 200 > len(pixels)]

    def settle(pixel: bytes) -> bytes:
        if pixel in flat:
            return pixel
        if pixel[3] == SOLID:
            return bytes(round(value / STEP) * STEP for value in pixel)
        nearest = min(flat, key=lambda colour: sum(abs(a - b) for a, b in zip(colour[:3], pixel[:3], strict=True)))
        alpha = round(pixel[3] / STEP) * STEP
        return nearest[:3] + bytes([alpha]) if alpha else CLEAR

    settled = {pixel: settle(pixel) for pixel in counts}
    return [settled[pixel] for pixel in pixels]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file."""
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))


def encode(image: Image.Image) -> bytes:
    """Return an interlaced PNG with a palette, which Pillow does not write."""
    width, height = image.size
    data = image.tobytes()
    pixels = few_colours([data[start : start + 4] for start in range(0, len(data), 4)])
    palette = sorted(set(pixels), key=lambda colour: (colour[3] == SOLID, colour))
    index = {colour: number for number, colour in enumerate(palette)}
    plane = bytes(index[pixel] for pixel in pixels)
    rows = (
        b"\0" + plane[y * width + left : (y + 1) * width : across]
        for left, top, across, down in ADAM7
        for y in range(top, height, down)
    )
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 3, 0, 0, 1)),
            chunk(b"PLTE", b"".join(colour[:3] for colour in palette)),
            chunk(b"tRNS", bytes(colour[3] for colour in palette if colour[3] != SOLID)),
            chunk(b"IDAT", compress(b"".join(rows), 9)),
            chunk(b"IEND", b""),
        )
    )


def main() -> None:
    """Draw every source, light and dark, at both sizes."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--force-color-profile=srgb"])
        for source in sorted(SOURCES.glob("*.svg")):
            light = source.read_text()
            dark = light.replace("<svg ", '<svg class="dark" ', 1)
            for prefix, svg in (("", light), ("dark_", dark)):
                for scale, suffix in ((1, ""), (2, "@2x")):
                    target = TARGET / f"{prefix}{source.stem}{suffix}.png"
                    target.write_bytes(encode(screenshot(browser, svg, scale)))


if __name__ == "__main__":
    main()
