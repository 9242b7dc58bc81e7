"""The rules by which Home Assistant (hassfest) and HACS accept an integration, written anew so that they run offline.

Each module names the file whose rules it follows, and returns what is wrong as sentences; nothing wrong is an empty
list. Where the originals only warn, these are errors.
"""

import homeassistant  # noqa: F401 - which puts its own engine in the place of voluptuous: before anybody imports that
