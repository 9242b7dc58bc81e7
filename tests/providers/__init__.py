"""Tests of the providers, without Home Assistant."""
