"""The ledger as anyone would write it down: one Python dict per record, one look-up at a time."""

from data_contracts.reasons import Reason, fate_of
from data_contracts.schemas import LEDGER
from tests.reference.ledger_inputs import Rows


def slow_ledger(rows: Rows) -> list[dict]:
    """Follow every origin through the stages.

    Raises:
        LookupError: A record has no fate.
    """
    decided = [
        (stage, one) for stage in ("ingest", "clean", "dedup") for one in getattr(rows, stage)
    ]
    ledger = []
    for origin in rows.origins:
        row = dict.fromkeys(LEDGER.names) | origin | {"edits": []}
        for stage, decision in decided:
            if decision["record_id"] == origin["record_id"]:
                row |= decision
                row["stage"], row["fate"] = stage, str(fate_of(Reason(decision["reason"])))
        for kept in rows.kept:
            if kept["record_id"] == origin["record_id"]:
                row |= {"stage": "shard", "fate": "kept", "reasons": [], "split": kept["split"]}
                row["cluster_id"] = kept["cluster_id"]
            if kept["record_id"] == row["survivor_id"]:
                row["cluster_id"] = kept["cluster_id"]
        for measured in rows.signals:
            if measured["record_id"] == origin["record_id"]:
                row["language"] = measured["language"]
                row["edits"] = [
                    {"signal": name, "count": count}
                    for name, count in measured.items()
                    if name.startswith(("pii_", "removed_", "repaired"))
                    and not name.endswith("_ratio")
                    and count
                ]
        if row["fate"] is None:
            raise LookupError(origin["record_id"])
        ledger.append(row)
    return sorted(ledger, key=lambda row: row["record_id"])
