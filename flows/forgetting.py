"""The right to be forgotten: who is meant, and the forget list of a dataset. No Prefect here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import polars as pl

from data_contracts.errors import VersionUnknown
from data_contracts.forgotten import ForgottenRecord
from data_contracts.frozen import Frozen
from data_contracts.manifest import now
from data_contracts.warehouse import Warehouse
from flows.holders import Holder, holders

_COLUMNS = ("record_id", "source", "key", "content_id", "cluster_id", "similarity")


class Forgetting(Frozen):
    """What `forget` put on the list, and where the text still is."""

    dataset: str
    """The dataset's name."""
    asked: int
    """Records that were named."""
    duplicates: int
    """Records that repeat them."""
    holders: tuple[Holder, ...]
    """What holds the text of any record on the list."""


def forget(
    warehouse: Warehouse, dataset: str, wanted: Sequence[str], *, only_this: bool = False
) -> Forgetting:
    """Put records on a dataset's forget list; the next version is made without them.

    A record is looked for in every version, by key or whole record_id. With it goes its cluster:
    the survivor, and all that was verified to repeat the survivor.

    Args:
        warehouse: Where the dataset is.
        dataset: Its name.
        wanted: Keys or record_ids.
        only_this: Leave the duplicates.

    Raises:
        VersionUnknown: There is no such dataset, or no version of it knows one of the records.
        WarehouseBusy: A run is writing the dataset.
    """
    warehouse.find("datasets", dataset)
    ledger = _all_ledgers(warehouse, dataset)
    for one in wanted:
        if not ledger.filter(_is_named([one])).height:
            near = ledger.filter(pl.col("key").str.contains(one, literal=True))
            known = near["key"].unique().sort().head(5).to_list()
            raise VersionUnknown(f"record of dataset {dataset}", one, known)
    asked = ledger.filter(_is_named(wanted))
    clusters = asked["cluster_id", "version"].drop_nulls().unique()
    others = ledger.join(clusters, on=["cluster_id", "version"], how="semi").join(
        asked, on="record_id", how="anti"
    )
    when = now()
    records = _entries(asked, "asked", when)
    duplicates = [] if only_this else _entries(others, "duplicate", when)
    with warehouse.lease(dataset):
        listed = warehouse.forgotten(dataset).joined([*records, *duplicates])
        listed.save(warehouse.forget_file(dataset))
    return Forgetting(
        dataset=dataset,
        asked=len(records),
        duplicates=len(duplicates),
        holders=holders(warehouse, listed),
    )


def _is_named(wanted: Sequence[str]) -> pl.Expr:
    return pl.col("key").is_in(list(wanted)) | pl.col("record_id").is_in(list(wanted))


def _all_ledgers(warehouse: Warehouse, dataset: str) -> pl.DataFrame:
    return pl.concat(
        pl.scan_parquet(
            sorted(
                (warehouse.version_folder("datasets", dataset, one) / "ledger").glob("*.parquet")
            ),
            glob=False,
        )
        .select(_COLUMNS)
        .with_columns(version=pl.lit(one))
        for one in warehouse.versions("datasets", dataset)
    ).collect()


def _entries(
    rows: pl.DataFrame, because: Literal["asked", "duplicate"], when: datetime
) -> list[ForgottenRecord]:
    grouped = rows.group_by("record_id").agg(
        pl.col("content_id").drop_nulls().unique().sort(), pl.col("similarity").max()
    )
    return [
        ForgottenRecord(
            record_id=record,
            content_ids=tuple(contents),
            because=because,
            similarity=similarity if because == "duplicate" else None,
            since=when,
        )
        for record, contents, similarity in grouped.sort("record_id").iter_rows()
    ]
