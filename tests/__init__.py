"""Tests of SMS Inbox."""
