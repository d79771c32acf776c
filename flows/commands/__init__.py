"""The commands of `mill`, by what they are for; `flows.cli` puts them together.

Imports inside commands are late on purpose: `mill --help` answers at once.
"""
