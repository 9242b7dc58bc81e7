"""Scripts for the Python in .venv-peers, which has libraries that others wrote."""
