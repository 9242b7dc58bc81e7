"""Libraries that others wrote, each run in a process of its own by a script of `clients/`."""

import asyncio
from collections.abc import Mapping
import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"

type Call = tuple[str, Mapping[str, Any]]


async def ask_library(script: str, client: Mapping[str, Any], *calls: Call) -> list[Any]:
    """Have a script make its client, and return what the methods return that are called: name and arguments.

    The script is one of Python, with .venv-peers, or one of Node.
    """
    program: list[str | Path] = [PYTHON] if script.endswith(".py") else [*os.environ["NODE"].splitlines()]
    names = ("JOSE", "PATH", "SEVEN")
    process = await asyncio.create_subprocess_exec(
        *program,
        ROOT / "tests" / "peers" / "clients" / script,
        env={"NO_PROXY": "*"} | {name: os.environ[name] for name in names if name in os.environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(json.dumps({"client": client, "calls": calls}).encode())
    assert process.returncode == 0, errors.decode()
    answers: list[Any] = json.loads(output)
    return answers
