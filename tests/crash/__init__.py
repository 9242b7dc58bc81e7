"""The crash test: what it does to Home Assistant, and its verdict; run by scripts/crash-test."""
