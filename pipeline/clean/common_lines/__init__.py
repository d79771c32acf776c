"""Lines that many documents of a source share: counted over all of them, then taken out of each."""
