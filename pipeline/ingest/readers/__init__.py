"""Readers, one format a module: a file's bytes to batches of `pipeline.ingest.rows.ROWS`.

A reader gives each record of its file exactly one row, in the file's order, and never raises for
what a file holds: a record that cannot be read is a row with a reason, and so is the rest of a file
that breaks off.
"""
