"""What can be set about validation. Thresholds are the contract's; these can only be stricter."""

from pydantic import Field

from data_contracts.frozen import Frozen


class ValidateRecipe(Frozen):
    """Which contracts the dataset must honour before a model sees it."""

    contracts: tuple[str, ...] = Field(default=(), max_length=16)
    """Your own contracts, ODCS v3.1 files: their rules are checked beside those of the mill. One with
    the id of a contract of the mill, such as `corpusmill.documents`, replaces it."""
    min_documents: int | None = Field(default=None, ge=1)
    """Stop before training when the dataset holds fewer documents than this; empty: no limit but
    the contract's."""
    warnings_stop: bool = False
    """Treat every warning of the contract as critical: nothing marked reaches training."""
