"""The demo: a real Home Assistant with emulated providers, and every step of a message; run by scripts/demo."""
