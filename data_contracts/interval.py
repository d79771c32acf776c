"""An estimate and how sure it is."""

from data_contracts.frozen import Frozen


class Interval(Frozen):
    """An estimate with its 95% bootstrap interval."""

    value: float
    """The estimate."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""
