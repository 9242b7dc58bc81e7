"""Note from inside Home Assistant which events are fired, and which an automation has begun to work on.

Each note is in the file before the call returns, without anything awaited, and outlives the process.
"""

from collections.abc import Mapping
import json
import os
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, ServiceCall, callback

DOMAIN = "crash_witness"
FILE = "witness.jsonl"


async def async_setup(hass: HomeAssistant, _config: Mapping[str, Any]) -> bool:
    """Listen to the bus, and offer the action `crash_witness.note` to automations."""
    file = os.open(hass.config.path(FILE), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    # A line that a kill has torn must not take this run's first one with it.
    os.write(file, b"\n")

    def note(what: str, event: Mapping[str, Any]) -> None:
        line = {"at": time.time(), "what": what, "event": dict(event)}
        os.write(file, f"{json.dumps(line)}\n".encode())

    @callback
    def note_event(event: Event[dict[str, Any]]) -> None:
        note("fired", event.data)

    @callback
    def note_action(call: ServiceCall) -> None:
        note("started", json.loads(call.data["event"]))

    hass.bus.async_listen("sms_received", note_event)
    hass.services.async_register(DOMAIN, "note", note_action)
    return True
