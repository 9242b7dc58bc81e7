"""What a backup needs: a store that can be copied while messages go on arriving, with the mark of a snapshot."""

import logging

from homeassistant.core import HomeAssistant

from .inbox import async_get_store
from .store import StoreError

_LOGGER = logging.getLogger(__name__)


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Keep the store's file as it is; what arrives meanwhile goes to its log, which is copied with it."""
    try:
        await async_get_store(hass).freeze()
    except StoreError as err:
        # A backup of all the rest is worth having.
        _LOGGER.warning("The message store may be incomplete in this backup: %s", err)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Let changes into the file again."""
    try:
        await async_get_store(hass).thaw()
    except StoreError as err:
        _LOGGER.warning("The message store could not be changed after the backup: %s", err)
