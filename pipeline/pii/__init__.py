"""Personal data and secrets: `kernels` finds where one may be, `kinds` decides, `texts` redacts.

Values never leave this package: what a record holds is told by counts per kind.
"""
