"""What `mill why` prints for people: the fate first, then what it rests on. Corpus text is escaped."""

from typing import Any

from rich.columns import Columns
from rich.markup import escape
from rich.padding import Padding

from data_contracts.reasons import Reason, meaning
from flows.reports.visible_text import visible
from flows.stories import Story
from flows.terminal import console

TEXT_SHOWN = 600


def print_story(story: Story) -> None:
    """Print a record's story. Corpus text is untrusted: control characters are shown, not sent."""
    row = story.ledger
    _say(f"record    {row['record_id']}  in {story.dataset}")
    _say(f"came from source `{row['source']}`, {row['path']}, record {row['position']:,}")
    _say(f"key       {row['key']}")
    _print_fate(row)
    if story.survivor is not None:
        kept = story.survivor
        _say(f"repeats   {kept['record_id']} (source `{kept['source']}`, key {kept['key']})")
        _say(f"          exact similarity {row['similarity']:.4f}")
    if row["content_id"] is not None:
        _say(f"content   {row['content_id']}, language {row['language'] or 'not measured'}")
    for edit in row["edits"]:
        _say(f"cleaned   {edit['signal'].replace('_', ' ')}: {edit['count']:,}")
    if story.text is not None:
        more = " …" if len(story.text) > TEXT_SHOWN else ""
        _say(f"text      {story.text[:TEXT_SHOWN]}{more}")
    _print_signals(story.signals)
    _say("")


def _print_fate(row: dict[str, Any]) -> None:
    if row["fate"] == "kept":
        _say(f"fate      kept, in the {row['split']} split")
        _say(f"          documents/{row['split']}/{row['shard']}, row {row['row']:,}")
        _say(f"          {row['tokens']:,} tokens")
        return
    _say(f"fate      {row['fate']} at {row['stage']}: {row['reason']}")
    for reason in row["reasons"]:
        _say(f"          {_evidence(reason)}")
    if row["reason"] in set(Reason):
        _say(f"          {meaning(Reason(row['reason']))}")


def _print_signals(signals: dict[str, Any]) -> None:
    """Everything measured, in as many columns as fit; zeros are counted, not listed."""
    told = {name: value for name, value in signals.items() if value not in {0, None}}
    if not told:
        return
    silent = len(signals) - len(told)
    _say(f"measured  {len(signals)} signals" + (f", {silent} of them 0" if silent else ""))
    cells = [
        escape(visible(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"))
        for name, value in told.items()
    ]
    console.print(Padding(Columns(cells, padding=(0, 3)), (0, 0, 0, 10)), highlight=False)


def _say(line: str) -> None:
    console.print(escape(visible(line)), highlight=False, soft_wrap=True)


def _evidence(reason: dict[str, Any]) -> str:
    if reason["value"] is None:
        return str(reason["rule"])
    threshold = "" if reason["threshold"] is None else f", threshold {reason['threshold']:g}"
    return f"{reason['rule']}: measured {reason['value']:.4g}{threshold}"
