"""Names shared by the parts of SMS Inbox."""

from typing import Final

DOMAIN: Final = "sms_inbox"

CONF_CALLS: Final = "calls"
CONF_CLOUD: Final = "cloud"
CONF_DELETE_STORED: Final = "delete_stored"
CONF_DELIVER_EXISTING: Final = "deliver_existing"
CONF_FIELDS: Final = "fields"
CONF_PROVIDER: Final = "provider"
CONF_RETENTION_DAYS: Final = "retention_days"
CONF_SERVER: Final = "server"
CONF_SIGNING_KEY: Final = "signing_key"
CONF_STORE_TEXTS: Final = "store_texts"

DEFAULT_RETENTION_DAYS: Final = 90
