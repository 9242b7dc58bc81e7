"""Names shared by the parts of SMS Inbox."""

from typing import Final

DOMAIN: Final = "sms_inbox"

CONF_DELIVER_EXISTING: Final = "deliver_existing"
CONF_KEEP_TEXTS: Final = "keep_texts"
CONF_PROVIDER: Final = "provider"
CONF_RETENTION_DAYS: Final = "retention_days"
CONF_SERVER: Final = "server"

DEFAULT_RETENTION_DAYS: Final = 90
