"""Home for the integration where tests and Home Assistant look for it."""
