"""The demo's proof: one SMS for each provider, followed until an automation has shown it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tests.live.emulator import Account

from .accounts import ACCOUNTS
from .timeline import PROVIDER_WIDTH, shorten

STATE_LENGTH = 255
TABLE = f"{{:{PROVIDER_WIDTH}}}  {{:>10}}  {{:10}}  {{:6}}  {{}}"
LONG = "A long message, which goes through the air in several parts and must arrive as one. "
SAMPLES = {
    "twilio": ("+447700900321", "Someone is at the door. ({mark})"),
    "bulletin": ("+447700900123", "Water in the cellar! 🌊🚨 مرحبا, naïve café, 漏水 ({mark})"),
    "smsgate": ("+27820000001", "Open the gate: 1234|5678, please.\nThank you, the courier ({mark})"),
    "bulksms": ("MYBANK", LONG * 8 + "({mark})"),
}


@dataclass
class Proof:
    """One SMS of the demo and how far it came; times are seconds since the epoch."""

    account: Account
    sender: str
    text: str
    sent: float = 0.0
    event: bool = False
    automation: float | None = None
    sensor: bool = False

    @property
    def seconds(self) -> float | None:
        """From sending to the automation."""
        return None if self.automation is None else self.automation - self.sent

    @property
    def complete(self) -> bool:
        """Whether everything that shows it has shown it."""
        return self.event and self.automation is not None and self.sensor

    def see_event(self, text: str) -> None:
        """Compare the text of an event."""
        self.event |= text == self.text

    def see_notification(self, text: str) -> None:
        """Compare what the automation showed."""
        if self.automation is None and text == self.text:
            self.automation = datetime.now(UTC).timestamp()

    def see_sensor(self, state: str) -> None:
        """Compare the sensor's state."""
        self.sensor |= state == self.text[:STATE_LENGTH]


def proofs() -> list[Proof]:
    """Return new samples, with a mark that no earlier run used."""
    mark = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    return [
        Proof(account, sender, text.format(mark=mark))
        for account in ACCOUNTS
        for sender, text in [SAMPLES[account.provider]]
    ]


def table(found: list[Proof]) -> str:
    """Return what came of the samples, one line each."""
    lines = [TABLE.format("provider", "seconds", "automation", "sensor", "text")]
    for proof in found:
        seconds = "-" if proof.seconds is None else f"{proof.seconds:.2f}"
        shown = "exact" if proof.seconds is not None else "missing"
        sensor = "exact" if proof.sensor else "missing"
        text = f"{shorten(proof.text, 50)} ({len(proof.text)} characters)"
        lines.append(TABLE.format(proof.account.provider, seconds, shown, sensor, text))
    return "\n".join(lines)
