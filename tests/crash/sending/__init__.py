"""The crash test of sending: texts are sent while Home Assistant is harmed in many ways; then phones are looked at.

What counts is what phones show, what the action has answered, and what an automation was told by the events `sms_sent`
and `sms_status`. `verdict` says what every text must have come to.
"""

from .harm import HARMS
from .run import CrashTest
from .sabotage import SABOTAGES
from .verdict import FAULTS

__all__ = ["FAULTS", "HARMS", "SABOTAGES", "CrashTest"]
