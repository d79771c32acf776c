"""The Arrow schemas of the tables that cross a stage border, compiled from the contracts.

What the columns mean stands in `records`, `documents`, `ledger` and `shards.odcs.yaml`; each schema
carries the id and version of its contract as metadata, and so does every file written with it. Ids
are 32 hex digits (`data_contracts.identity`).
"""

from collections.abc import Collection
from typing import Final

import pyarrow as pa

from data_contracts.errors import SchemaMismatch
from data_contracts.shipped_contracts import shipped_tables

RECORDS: Final = shipped_tables()["records"].schema
"""What ingest hands on: one row per readable record."""

ORIGINS: Final = shipped_tables()["origins"].schema
"""Every input record, the unreadable ones too: the ledger's left side."""

METADATA: Final = shipped_tables()["metadata"].schema
"""What ingest hands on of records beside their text: one row per readable record that has any."""

DOCUMENTS: Final = shipped_tables()["cleaned"].schema
"""What clean hands on: one row per record that passed every rule."""

DECISIONS: Final = shipped_tables()["decisions"].schema
"""What every stage says of each record that it drops: one row per dropped record."""

RULE_EVIDENCE: Final = DECISIONS.field("reasons").type.value_type
"""One failing rule: its reason, the measured value and the threshold (null: not a number).

`REASON:ORIGIN` is the part of a reason's value that comes from one origin (an evaluation set, a kind of
personal data, an own rule)."""

KEPT: Final = shipped_tables()["kept"].schema
"""What dedup hands on: one row per record that is in the dataset."""

LEDGER: Final = shipped_tables()["ledger"].schema
"""One row per input record, sorted by record_id."""

PUBLISHED_DOCUMENTS: Final = shipped_tables()["documents"].schema
"""documents/<split>/: what `datasets.load_from_disk` shows.

Where a source of the recipe keeps metadata, every document has one column more, `PUBLISHED_METADATA`."""

PUBLISHED_METADATA: Final = "metadata"
"""Column of JSON objects, `{}` where nothing is said."""

TOKEN_SPANS: Final = shipped_tables()["spans"].schema
"""tokens/<split>/spans.arrow: one row per document, in the order of the token stream."""


def check_schema(
    where: str, found: pa.Schema, promised: pa.Schema, optional: Collection[str] = ()
) -> None:
    """Refuse a table whose columns are not exactly the promised ones, but for optional ones.

    Raises:
        SchemaMismatch: A column is missing, unexpected, or of another type.
    """
    for field in promised:
        index = found.get_field_index(field.name)
        if index < 0:
            raise SchemaMismatch(where, f"the column `{field.name}` is missing")
        if found.field(index).type != field.type:
            raise SchemaMismatch(
                where,
                f"the column `{field.name}` is {found.field(index).type}, promised {field.type}",
            )
    known = {*promised.names, *optional}
    unexpected = [name for name in found.names if name not in known]
    if unexpected:
        raise SchemaMismatch(where, f"unexpected columns {unexpected}")
