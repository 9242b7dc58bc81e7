"""The guards against texts that cost much: which numbers are refused, and how much may be sent."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .conftest import PASSWORD, USERNAME, set_up
from .senders import ANNA, BEN, CLEO, SUBMISSION, add_sender, notify_entity, shown

EVERYWHERE = ["AE", "CH", "DE", "FR", "GB", "SE", "US"]


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return an account that can send."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


async def send(hass: HomeAssistant, *recipients: str, text: str = "Hello") -> str | None:
    """Send a text; return why that was refused, as a key of the translations, None where it wasn't."""
    data = {"recipient": list(recipients), "message": text}
    try:
        await hass.services.async_call(DOMAIN, "send_message", data, blocking=True)
    except HomeAssistantError as err:
        return err.translation_key
    return None


async def refusal(hass: HomeAssistant, emulator: Emulator, account: Account, number: str, **options: Any) -> str | None:
    """Return why a number is refused, even where every country and short numbers are allowed; nothing reaches it."""
    await add_sender(hass, emulator, account, **{"countries": EVERYWHERE, "short_numbers": True, **options})
    answer = await send(hass, number)
    assert shown(emulator) == []
    return answer


@pytest.mark.parametrize(
    "number", ["+44 909 879 0001", "+44 871 234 5678", "+33 899 12 34 56", "+1 900 234 5678", "+41 900 123 456"]
)
async def test_premium_rate_number(hass: HomeAssistant, emulator: Emulator, account: Account, number: str) -> None:
    """What earns money for its owner is refused, though its country is allowed."""
    assert await refusal(hass, emulator, account, number) == "recipient_premium"


@pytest.mark.parametrize("number", ["+881 6 3141 2345", "+882 16 5432 1098", "+883 1300 1234 5678", "+979 9 1234 5678"])
async def test_number_of_no_country(hass: HomeAssistant, emulator: Emulator, account: Account, number: str) -> None:
    """Satellite phones and international networks are refused; that country can't be chosen."""
    assert await refusal(hass, emulator, account, number) == "recipient_satellite"


@pytest.mark.parametrize("number", ["112", "911", "999", "1 1 2", "\uff19\uff19\uff19"])
async def test_emergency_number(hass: HomeAssistant, emulator: Emulator, account: Account, number: str) -> None:
    """Nobody can be meant by that, wherever it is one, even where short numbers are allowed."""
    assert await refusal(hass, emulator, account, number, countries=[]) == "recipient_emergency"


async def test_emergency_number_of_an_allowed_country(
    hass: HomeAssistant, emulator: Emulator, account: Account
) -> None:
    """What is one only there is refused, too; with a plus it is no number at all."""
    assert await refusal(hass, emulator, account, "144") == "recipient_emergency"
    assert await send(hass, "+112") == "recipient_invalid"


@pytest.mark.parametrize("number", ["81000", "72000", "60300"])
async def test_short_number(hass: HomeAssistant, emulator: Emulator, account: Account, number: str) -> None:
    """It may cost more, so it is refused until that is allowed."""
    assert await refusal(hass, emulator, account, number, short_numbers=False) == "recipient_short"


async def test_short_number_that_is_allowed(hass: HomeAssistant, emulator: Emulator, account: Account) -> None:
    """It is handed to the vendor as it is; this one sends to none."""
    assert await refusal(hass, emulator, account, "81000") == "send_refused"
    assert len(account.messages) == 0


@pytest.mark.parametrize("number", ["+33 6 12 34 56 78", "0033612345678", "+1 202 555 0123", "+44 7624 300123"])
async def test_other_country(hass: HomeAssistant, emulator: Emulator, account: Account, number: str) -> None:
    """Without a choice only Home Assistant's country may be sent to; the Isle of Man is another one."""
    assert await refusal(hass, emulator, account, number, countries=[]) == "recipient_country"


async def test_other_country_that_is_allowed(hass: HomeAssistant, emulator: Emulator, account: Account) -> None:
    """That of a contact is, and one that was chosen; then Home Assistant's own must be chosen, too."""
    entry = await add_sender(hass, emulator, account)
    await notify_entity(hass, entry, "Claire", "+33612345678")
    assert await send(hass, "+33 7 12 34 56 78") is None
    hass.config_entries.async_update_entry(entry, options={"sending": {"countries": ["DE"]}})
    assert await send(hass, "+49 1512 3456789") is None
    assert await send(hass, ANNA) == "recipient_country"
    assert len(shown(emulator)) == 2


async def test_no_country(hass: HomeAssistant, emulator: Emulator, account: Account) -> None:
    """Where Home Assistant has no country, only what was chosen may be sent to."""
    await add_sender(hass, emulator, account)
    hass.config.country = None
    assert await send(hass, ANNA) == "recipient_country"
    assert shown(emulator) == []


class TestCaps:
    """How many parts an account may send."""

    @pytest.fixture
    async def entry(self, hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
        """Return an account that may send four parts an hour, and six a day."""
        return await add_sender(hass, emulator, account, per_hour=4, per_day=6)

    @pytest.mark.usefixtures("entry")
    async def test_per_hour(self, hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory) -> None:
        """Within any hour: the window slides."""
        assert await send(hass, ANNA, BEN) is None
        freezer.tick(timedelta(minutes=40))
        assert await send(hass, ANNA, BEN) is None
        assert await send(hass, ANNA) == "cap_per_hour"
        freezer.tick(timedelta(minutes=21))
        assert await send(hass, ANNA) is None
        assert len(shown(emulator)) == 5

    @pytest.mark.usefixtures("entry")
    async def test_per_day(self, hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory) -> None:
        """Within any 24 hours."""
        for _ in range(6):
            freezer.tick(timedelta(hours=2))
            assert await send(hass, ANNA) is None
        freezer.tick(timedelta(hours=2))
        assert await send(hass, ANNA) == "cap_per_day"
        freezer.tick(timedelta(hours=12, seconds=1))
        assert await send(hass, ANNA) is None
        assert len(shown(emulator)) == 7

    @pytest.mark.usefixtures("entry")
    async def test_parts_times_recipients(self, hass: HomeAssistant, emulator: Emulator) -> None:
        """Each part to each recipient counts, and a call that has not room enough sends nothing."""
        assert await send(hass, ANNA, BEN, CLEO, text="x" * 161) == "cap_per_hour"
        assert shown(emulator) == []
        assert await send(hass, ANNA, BEN, text="x" * 161) is None
        assert await send(hass, CLEO) == "cap_per_hour"

    async def test_restart(self, hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
        """It is counted in the store."""
        assert await send(hass, ANNA, BEN, text="x" * 161) is None
        await hass.config_entries.async_unload(entry.entry_id)
        await set_up(hass, entry)
        assert await send(hass, CLEO) == "cap_per_hour"
        assert len(shown(emulator)) == 2

    @pytest.mark.usefixtures("entry")
    async def test_clock_set_back(
        self, hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory
    ) -> None:
        """A clock that was ahead gives nothing free."""
        assert await send(hass, ANNA, BEN, text="x" * 161) is None
        freezer.tick(timedelta(days=-3))
        assert await send(hass, CLEO) == "cap_per_hour"
        assert len(shown(emulator)) == 2

    @pytest.mark.usefixtures("entry")
    async def test_what_is_not_sent_is_not_counted(self, hass: HomeAssistant, emulator: Emulator) -> None:
        """What the vendor refuses costs nothing; what may have been sent counts."""
        emulator.fault("bulksms", "vendor_error", word="insufficient-credits", where=SUBMISSION, count=4)
        for _ in range(4):
            assert await send(hass, ANNA) == "send_no_credit"
        emulator.fault("bulksms", "dropped", where=SUBMISSION, consume=True, count=4)
        with (
            patch("custom_components.sms_inbox.providers.sending.bulksms.BulkSmsSending.deduplicates", None),
            patch("custom_components.sms_inbox.providers.sending.bulksms.BulkSmsSending.finds_sent", new=False),
            patch("custom_components.sms_inbox.in_doubt.LOOKS", (0.0,)),
        ):
            for _ in range(4):
                assert await send(hass, ANNA) == "send_unknown"
        assert await send(hass, ANNA) == "cap_per_hour"

    @pytest.mark.usefixtures("entry")
    async def test_another_account(self, hass: HomeAssistant, emulator: Emulator) -> None:
        """Each account has its own."""
        assert await send(hass, ANNA, BEN, text="x" * 161) is None
        other = await add_sender(hass, emulator, emulator.add_account("bulksms", "ben", "secret"), per_hour=1)
        call = {"recipient": CLEO, "message": "Hello", "config_entry_id": other.entry_id}
        await hass.services.async_call(DOMAIN, "send_message", call, blocking=True)
        assert len(shown(emulator)) == 3
