"""What a backup needs: a store that can be copied while messages go on coming."""

import logging

from homeassistant.core import HomeAssistant

from .inbox import async_get_store
from .store import StoreError

_LOGGER = logging.getLogger(__name__)


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Keep the store's file as it is; what comes meanwhile goes to its log, which is copied with it."""
    try:
        await hass.async_add_executor_job(async_get_store(hass).hold)
    except StoreError as err:
        # A backup of all the rest is worth having.
        _LOGGER.warning("The message store may be incomplete in this backup: %s", err)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Let changes into the file again."""
    try:
        await hass.async_add_executor_job(async_get_store(hass).release)
    except StoreError as err:
        _LOGGER.debug("The message store could not be written after the backup: %s", err)
