"""Phrases, citations and counters, found in bytes."""
