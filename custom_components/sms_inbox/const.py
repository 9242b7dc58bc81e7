"""Names shared by the parts of SMS Inbox."""

from typing import Final

DOMAIN: Final = "sms_inbox"

CONF_DELIVER_EXISTING: Final = "deliver_existing"
CONF_PROVIDER: Final = "provider"
CONF_SERVER: Final = "server"
