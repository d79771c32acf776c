"""What can be set about validation. Thresholds are the contract's; these can only be stricter."""

from pydantic import Field

from data_contracts.frozen import Frozen


class ValidateRecipe(Frozen):
    """Which contract the dataset must honour before a model sees it."""

    contract: str | None = None
    """Your own contract, an ODCS v3.1 file; empty: the dataset contract that comes with the mill."""
    min_documents: int | None = Field(default=None, ge=1)
    """Stop before training when the dataset holds fewer documents than this; empty: no limit but
    the contract's."""
    warnings_stop: bool = False
    """Treat every warning of the contract as critical: nothing marked reaches training."""
