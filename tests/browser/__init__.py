"""The browser test: a first evening with SMS Inbox in a real front end; run by scripts/test-browser."""
