"""Rows of several tables in a new order."""
