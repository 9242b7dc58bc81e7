"""Pictures of screens in several widths and themes, what a machine notices in them, and sheets of many pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps
from playwright.async_api import ViewportSize

from .window import Theme, Window

COLOURS = 256
HEIGHTS: Mapping[int, int] = {390: 844, 768: 1024, 1280: 800}
SHEETS: Mapping[int, tuple[int, int, float]] = {390: (5, 2, 0.8), 768: (4, 2, 0.52), 1280: (3, 4, 0.42)}
"""Columns and rows of a sheet, and the scale of its pictures."""
WHOLE = 1500
CAPTION = 18  # pixels
FAULTS = """() => {
    const faults = new Set();
    const text = (element) => (element.innerText ?? element.textContent).trim().replace(/\\s+/g, " ").slice(0, 80);
    const look = (element) => {
        if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) return;
        const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
        const box = element.getBoundingClientRect();
        const onScreen = box.width && box.height && box.bottom > 0 && box.top < innerHeight;
        if (own && onScreen) {
            const style = getComputedStyle(element);
            if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth && style.overflowX !== "visible")
                faults.add(`cut off (${element.localName}): ${text(element)}`);
            if (box.right > innerWidth + 1 && box.left < innerWidth)
                faults.add(`beyond the right edge (${element.localName}): ${text(element)}`);
        }
        for (const child of [...(element.shadowRoot?.children ?? []), ...element.children]) look(child);
    };
    look(document.body);
    const root = document.scrollingElement;
    if (root.scrollWidth > innerWidth) faults.add(`the page is ${root.scrollWidth} px wide`);
    return [...faults];
}"""
"""Texts that are cut off or reach beyond the window's edge."""


def shrink(file: Path) -> None:
    """Make the file of a picture small, with few colours."""
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


@dataclass
class Gallery:
    """A folder with a picture of each screen in each combination.

    Attributes:
        folder: Where it is.
        language: The language of the screens.
        widths: The widths of the window in pixels.
        themes: The themes.
        names: The screens so far, in their order.
        notes: What was noticed at the screens.
    """

    folder: Path
    language: str
    widths: Sequence[int]
    themes: Sequence[Theme]
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def add(self, window: Window, name: str, foreign: Sequence[str] = (), *, whole: bool = False) -> None:
        """Take pictures of what a window shows, and note what is cut off, and texts of another language."""
        name = f"{len(self.names) + 1:02}-{name}"
        self.names.append(name)
        before = window.size
        for width in self.widths:
            await window.page.set_viewport_size(ViewportSize(width=width, height=WHOLE if whole else HEIGHTS[width]))
            for theme in self.themes:
                await window.picture(self._file(name, width, theme), theme)
            self.notes += [f"{name} {width}: {fault}" for fault in await window.page.evaluate(FAULTS)]
        await window.page.set_viewport_size(before)
        shown = set((await window.text()).splitlines())
        self.notes += [f"{name}: not translated: {text}" for text in foreign if text in shown]

    def note(self, note: str) -> None:
        """Note something else."""
        self.notes.append(note)
        print(note, flush=True)

    def finish(self) -> None:
        """Write the sheets and the notes."""
        for width in self.widths:
            for theme in self.themes:
                self._write_sheets(width, theme)
        (self.folder / f"{self.language}-notes.txt").write_text("\n".join(self.notes) + "\n")

    def _write_sheets(self, width: int, theme: Theme) -> None:
        columns, rows, scale = SHEETS[width]
        size = round(width * scale), round(HEIGHTS[width] * scale)
        step = size[0] + 6, size[1] + CAPTION
        font: Any = ImageFont.load_default(13)
        for number, begin in enumerate(range(0, len(self.names), columns * rows), start=1):
            sheet = Image.new("RGB", (columns * step[0], rows * step[1]), "#888")
            draw = ImageDraw.Draw(sheet)
            for place, name in enumerate(self.names[begin : begin + columns * rows]):
                left, top = place % columns * step[0], place // columns * step[1]
                draw.text((left + 2, top + 1), name, "#fff", font)
                with Image.open(self._file(name, width, theme)) as picture:
                    sheet.paste(ImageOps.contain(picture.convert("RGB"), size), (left, top + CAPTION))
            sheet.save(self.folder / f"sheet-{self.language}-{theme}-{width}-{number}.png")

    def _file(self, name: str, width: int, theme: Theme) -> Path:
        folder = self.folder / f"{self.language}-{theme}-{width}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.png"
