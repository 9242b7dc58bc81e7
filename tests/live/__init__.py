"""A real Home Assistant and the emulated providers as child processes, for tests and for the demo."""
