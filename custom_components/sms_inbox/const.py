"""Names shared by the parts of SMS Inbox."""

from typing import Final

DOMAIN: Final = "sms_inbox"

CONF_ALLOW_HTTP: Final = "allow_http"
CONF_CLOUDHOOK: Final = "cloudhook"
CONF_DELETE_STORED: Final = "delete_stored"
CONF_DELIVER_EXISTING: Final = "deliver_existing"
CONF_FIELDS: Final = "fields"
CONF_KEY_ID: Final = "key_id"
CONF_LOCAL_ONLY: Final = "local_only"
CONF_PRESET: Final = "preset"
CONF_PROVIDER: Final = "provider"
CONF_REGISTERED: Final = "registered"
CONF_RETENTION_DAYS: Final = "retention_days"
CONF_SENDING: Final = "sending"
CONF_SERVER: Final = "server"
CONF_SIGNATURE: Final = "signature"
CONF_SIGNING_KEY: Final = "signing_key"
CONF_STORE_TEXTS: Final = "store_texts"
CONF_WEBHOOK: Final = "webhook"
CONF_WEBHOOK_URL: Final = "webhook_url"

DEFAULT_RETENTION_DAYS: Final = 90
