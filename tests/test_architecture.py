"""How the files of each package depend on each other."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("custom_components/sms_inbox", "emulator", "benchmarks", "demo", "tests")


def imported(file: Path, root: Path) -> Iterator[Path]:
    """The files below a root that a file names in its imports, also in those which only type checkers see."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (target for name in names if (target := module(root / name.name.replace(".", "/"))))
            case ast.ImportFrom(level=level, module=name, names=names):
                package = (file.parents[level - 1] if level else root) / (name or "").replace(".", "/")
                for each in names:
                    if target := module(package / each.name) or module(package):
                        yield target


def module(path: Path) -> Path | None:
    """The file of a module or of a package's face, None if there is none."""
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def circle(package: Path, root: Path) -> list[str]:
    """Files of a package each of which imports the one before it, the first being the last, too; else none."""
    files = list(package.rglob("*.py"))
    assert files
    graph = {file: {target for target in imported(file, root) if package in target.parents} for file in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(file.relative_to(root)) for file in error.args[1]]
    return []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle(package: str) -> None:
    """No two files need each other, not even by way of others."""
    assert circle(REPOSITORY / package, REPOSITORY) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from .b import X", "from .a import Y"),
        ("from . import b", "import package.a"),
        ("def f():\n    from package import b", "from package.a import Y"),
        ("import package.b as x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import Y"),
        ("from .c import X", "from .a import Y"),
        ("from .sub import X", ""),
        ("from .sub.d import X", ""),
    ],
)
def test_finds_circles(tmp_path: Path, first: str, second: str) -> None:
    """A circle is found in whatever way the files import each other."""
    package = tmp_path / "package"
    (package / "sub").mkdir(parents=True)
    for name, text in {
        "__init__": "from .a import Y",
        "a": first,
        "b": second,
        "c": "from .b import X",
        "sub/__init__": "from .d import X",
        "sub/d": "from ..a import Y",
    }.items():
        (package / f"{name}.py").write_text(f"import os\n{text}\n")
    assert "package/a.py" in circle(package, tmp_path)
    (package / "a.py").write_text("from os import path\n")
    assert circle(package, tmp_path) == []
