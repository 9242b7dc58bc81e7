"""A modem of gammu's dummy driver: its storage is a folder, everything else is gammu itself.

Run by the Python of the packages, which is older than ours and has nothing but its standard library and gammu:
`gammu_modem.py FOLDER` stores the messages that come as JSON, `[[sender, text, time], ...]`, on its standard input.
"""

from datetime import datetime
import json
from pathlib import Path
import sys

import gammu

INBOX = 1
ANY_FOLDER = 0
SMSC = {"Number": "+447785016005"}


class Modem:
    """A modem whose storage is a folder, which is made if there is none."""

    def __init__(self, folder: Path) -> None:
        """Connect to it."""
        for number in range(1, 6):
            (folder / "sms" / str(number)).mkdir(parents=True, exist_ok=True)
        config = folder / "gammurc"
        config.write_text(f"[gammu]\nmodel = dummy\nconnection = none\ndevice = {folder}\n")
        self._machine = gammu.StateMachine()
        self._machine.ReadConfig(Filename=str(config))
        self._machine.Init()
        self.sent: list[tuple[str, str, int]] = []

    def receive(self, sender: str, text: str, time: str) -> None:
        """Store a message as the network would hand it over, with its time (ISO 8601): in as many parts as it takes."""
        for part in _parts(text):
            part.update(
                SMSC=SMSC,
                Number=sender,
                Folder=INBOX,
                Type="Deliver",
                State="UnRead",
                DateTime=datetime.fromisoformat(time),
            )
            self._machine.AddSMS(part)

    def send(self, number: str, text: str, *, unicode: bool) -> list[int]:
        """Send a message, and return the references of its parts; `sent` has number, text and how many parts it took.

        The driver sends nothing anywhere, so the text is read from the PDUs, as a phone gets it.
        """
        content = {"ID": "ConcatenatedTextLong", "Buffer": text}
        parts = gammu.EncodeSMS({"Class": -1, "Unicode": unicode, "Entries": [content]})
        for part in parts:
            part.update(SMSC=SMSC, Number=number)
        references = [self._machine.SendSMS(part) for part in parts]
        received = text_of([gammu.DecodePDU(gammu.EncodePDU(part, "Submit")) for part in parts])
        # For each character of the extension table, gammu reads one NUL too many at the end of a short message.
        self.sent.append((number, received.rstrip("\0"), len(parts)))
        return references

    def messages(self) -> list[list[dict]]:
        """Return the messages, each as the list of its parts."""
        stored = []
        try:
            stored.append(self._machine.GetNextSMS(Folder=ANY_FOLDER, Start=True))
            while True:
                stored.append(self._machine.GetNextSMS(Folder=ANY_FOLDER, Location=stored[-1][0]["Location"]))
        except gammu.ERR_EMPTY:
            return gammu.LinkSMS(stored)

    def delete(self, message: list[dict]) -> None:
        """Delete all parts of a message."""
        for part in message:
            self._machine.DeleteSMS(Folder=ANY_FOLDER, Location=part["Location"])


def _parts(text: str) -> list[dict]:
    """Return the parts of a message; as phones do it, an emoji may be cut through, which gammu itself avoids."""
    units = text.encode("utf-16-be")
    same_length = text if text.isascii() else "é" * (len(units) // 2)
    content = {"ID": "ConcatenatedTextLong", "Buffer": same_length}
    parts = gammu.EncodeSMS({"Class": -1, "Unicode": not text.isascii(), "Entries": [content]})
    if not text.isascii():
        for part in parts:
            length = 2 * len(part["Text"])
            part["Text"] = units[:length].decode("utf-16-be", "surrogatepass")
            units = units[length:]
    return parts


def text_of(message: list[dict]) -> str:
    """Return the whole text of a message."""
    decoded = gammu.DecodeSMS(message)
    if decoded is None:
        return message[0]["Text"]
    return "".join(entry["Buffer"] for entry in decoded["Entries"] if entry["Buffer"])


if __name__ == "__main__":
    modem = Modem(Path(sys.argv[1]))
    for message in json.load(sys.stdin):
        modem.receive(*message)
