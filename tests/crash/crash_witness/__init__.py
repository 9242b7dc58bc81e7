"""Note from inside Home Assistant which events are fired, and which an automation has begun to work on.

Each note is in the pipe before the function returns, without anything awaited, and outlives the process.
"""

from collections.abc import Mapping
import json
import os
import time
from typing import Any

from homeassistant.core import Event, HomeAssistant, ServiceCall, callback

DOMAIN = "crash_witness"
KINDS = ("sms_received", "sms_sent", "sms_status")


async def async_setup(hass: HomeAssistant, config: Mapping[str, Any]) -> bool:
    """Listen to the bus, and offer the action `crash_witness.note` to automations."""
    pipe = os.open(config[DOMAIN]["pipe"], os.O_WRONLY)
    # A line that a kill has torn must not take this run's first one with it.
    os.write(pipe, b"\n")

    def note(what: str, kind: str, event: Mapping[str, Any]) -> None:
        line = {"at": time.time(), "what": what, "type": kind, "event": dict(event)}
        os.write(pipe, f"{json.dumps(line)}\n".encode())

    @callback
    def note_event(event: Event[dict[str, Any]]) -> None:
        note("fired", str(event.event_type), event.data)

    @callback
    def note_action(call: ServiceCall) -> None:
        note("started", call.data.get("type", KINDS[0]), json.loads(call.data["event"]))

    for kind in KINDS:
        hass.bus.async_listen(kind, note_event)
    hass.services.async_register(DOMAIN, "note", note_action)
    return True
