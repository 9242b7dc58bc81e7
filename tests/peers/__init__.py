"""Tests with real programs, run by scripts/test-peers."""
