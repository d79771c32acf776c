"""The immutable base of every recipe and result."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, closed to unknown fields, documented by attribute docstrings.

    A field's docstring is at once IDE help, JSON-schema description and the help text of the
    Prefect parameter form.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
        validate_by_name=True,
        validate_by_alias=True,
    )
