"""The demo's proof: one SMS for each provider until an automation has shown it, and a question until it is answered."""

from dataclasses import dataclass
from datetime import UTC, datetime

from tests.live.emulator import Account

from .accounts import ACCOUNTS
from .timeline import PROVIDER_WIDTH, shorten

STATE_LENGTH = 255
ANSWERS = f"{{:{PROVIDER_WIDTH}}}  {{:>10}}  {{:10}}  {{:10}}  {{}}"
TABLE = f"{{:{PROVIDER_WIDTH}}}  {{:>10}}  {{:10}}  {{:6}}  {{}}"
LONG = "A long message, which goes through the air in several parts and must arrive as one. "
SAMPLES = {
    "twilio": ("+447700900321", "Someone is at the door. ({mark})"),
    "bulletin": ("+447700900123", "Water in the cellar! 🌊🚨 مرحبا, naïve café, 漏水 ({mark})"),
    "smsgate": ("+27820000001", "Open the gate: 1234|5678, please.\nThank you, the courier ({mark})"),
    "bulksms": ("MYBANK", LONG * 8 + "({mark})"),
}
QUESTION = "Status? ({mark})"
ANSWER = "All is well at home 🏠. You asked: {question}"
"""What the automation answers."""


@dataclass
class Question:
    """One SMS that an automation answers, and how far the answer came; times are seconds since the epoch."""

    account: Account
    sender: str
    text: str
    sent: float = 0.0
    shown: tuple[str, ...] = ()
    answered: float | None = None
    delivered: bool = False

    @property
    def answer(self) -> str:
        """What the phone has to show."""
        return ANSWER.format(question=self.text)

    @property
    def complete(self) -> bool:
        """Whether the phone shows the answer, and Home Assistant knows that."""
        return self.answered is not None and self.delivered

    def see_handset(self, recipient: str, text: str, time: float) -> None:
        """Note what a phone shows."""
        if recipient == self.sender and self.text in text:
            self.shown += (text,)
            self.answered = self.answered or time

    def see_status(self, text: str, status: str) -> None:
        """Compare what Home Assistant says of a text."""
        self.delivered |= text == self.answer and status == "delivered"


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


def samples() -> tuple[list[Proof], list[Question]]:
    """Return new samples, with a mark that no earlier run used."""
    mark = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    proofs = [
        Proof(account, sender, text.format(mark=mark))
        for account in ACCOUNTS
        for sender, text in [SAMPLES[account.provider]]
    ]
    return proofs, [Question(ACCOUNTS[0], "+447700900123", QUESTION.format(mark=mark))]


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


def answers(found: list[Question]) -> str:
    """Return what came of the questions, two lines each."""
    lines = [ANSWERS.format("provider", "seconds", "on phone", "delivered", "question and answer")]
    for question in found:
        seconds = "-" if question.answered is None else f"{question.answered - question.sent:.2f}"
        shown = {(): "missing", (question.answer,): "exact"}.get(question.shown, "altered")
        delivered = "reported" if question.delivered else "missing"
        lines.append(ANSWERS.format(question.account.provider, seconds, shown, delivered, question.text))
        lines.append(ANSWERS.format("", "", "", "", shorten(" / ".join(question.shown), 80)))
    return "\n".join(lines)
