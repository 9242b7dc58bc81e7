"""What the browser test prepares, what it says where there is no browser, and how it keeps its pictures."""

from pathlib import Path

from PIL import Image
import pytest

from ..live.child import ChildError
from .component import COMPONENT, copy_component
from .gallery import COLOURS, HEIGHTS, Gallery, shrink
from .window import find_chromium


def test_copy_differs_in_one_address(tmp_path: Path) -> None:
    """The API to which an account is moved is the emulator's; nothing else changes."""
    copy_component(tmp_path, "http://127.0.0.1:1")
    changed = {
        line
        for path in COMPONENT.rglob("*.py")
        for line in (tmp_path / COMPONENT.name / path.relative_to(COMPONENT)).read_text().splitlines()
        if line not in path.read_text().splitlines()
    }
    assert changed == {'    default_url = "http://127.0.0.1:1/bulksms/v1"'}


def test_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no browser, it is told how to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChildError, match="apt-get install chromium"):
        find_chromium()


def test_picture_is_small(tmp_path: Path) -> None:
    """A picture has few colours afterwards, and the size that it had."""
    file = tmp_path / "many.png"
    picture = Image.effect_mandelbrot((390, 200), (-2, -1, 1, 1), 99)
    Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).save(file)
    before = file.stat().st_size
    shrink(file)
    with Image.open(file) as small:
        assert small.size == (390, 200)
        assert len(small.getcolors() or ()) <= COLOURS
    assert file.stat().st_size < before


def test_sheets_show_every_screen(tmp_path: Path) -> None:
    """Each picture of a gallery is on a sheet, also those that are higher than the window."""
    gallery = Gallery(tmp_path, "en", [390], ["dark"], names=[f"{number:02}-screen" for number in range(11)])
    folder = tmp_path / "en-dark-390"
    folder.mkdir()
    for name in gallery.names:
        Image.new("RGB", (390, HEIGHTS[390] * 2), "#f00").save(folder / f"{name}.png")
    gallery.finish()
    seen = 0
    for sheet in tmp_path.glob("sheet-en-dark-390-*.png"):
        with Image.open(sheet) as opened:
            colours = {colour: count for count, colour in opened.getcolors(1 << 20) or ()}
        seen += colours[(255, 0, 0)]
    with Image.open(folder / "00-screen.png") as one:
        assert seen > 10 * one.width * one.height * (HEIGHTS[390] * 0.8 / one.height) ** 2
