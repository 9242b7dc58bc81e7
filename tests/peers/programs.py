"""Programs of Debian packages that are unpacked somewhere."""

from itertools import islice
from pathlib import Path
from random import SystemRandom

from ..live.child import port_is_free

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to whoever asks for any port: a free one stays free until it is used."""


class Programs:
    """A folder with unpacked packages, the C library among them: nothing of the machine is used."""

    def __init__(self, tree: Path) -> None:
        """Look for the C library."""
        self._tree = tree
        libraries = next(tree.rglob("libc.so.6")).parent
        self._loader = next(libraries.glob("ld-linux*.so.*"))
        self._path = ":".join(
            f"{tree / prefix / name}" for prefix in ("", "usr") for name in (f"lib/{libraries.name}", "lib")
        )

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command that runs a program, which is named as if it were installed, without the leading slash."""
        return [str(self._loader), "--library-path", self._path, str(self._tree / program), *arguments]

    @property
    def python(self) -> dict[str, str]:
        """What must be in the environment of the packages' Python."""
        return {"PYTHONHOME": str(self._tree / "usr")}


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens."""
    return list(islice(filter(port_is_free, SystemRandom().sample(PORTS, len(PORTS))), count))
