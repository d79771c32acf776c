"""The election of survivors: rounds of pairing, comparing and deciding."""
