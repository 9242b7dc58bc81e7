"""Lets the test plugin run on a Home Assistant that is newer than the one it is made for: `pytest -p` this module."""

import homeassistant  # noqa: F401 # isort: skip - puts another package in the place of httpx, so before that is imported

# What the plugin replaces, before anything of Home Assistant uses it.
from pytest_homeassistant_custom_component import patch_json, patch_recorder, patch_time  # noqa: F401

from homeassistant.components import logger
from homeassistant.components.logger.helpers import _clear_logger_overwrites

# Where the plugin looks for it, 2026.11 has it no more.
logger._clear_logger_overwrites = _clear_logger_overwrites  # noqa: SLF001
