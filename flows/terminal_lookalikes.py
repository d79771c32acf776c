"""What `mill near` and `mill clusters` print for people. Corpus text is escaped."""

from rich.markup import escape

from flows.clusters import Cluster, Member
from flows.near import NearDocument
from flows.reports.visible_text import one_line, visible
from flows.reports.word_diff import DiffPart
from flows.terminal import console

TEXT_SHOWN = 160
MARKS = {
    "same": ("", "", ""),
    "survivor": ("[-", "-]", "red"),
    "member": ("{+", "+}", "green"),
    "skipped": ("… ", " …", "dim"),
}
"""How each part of a difference is set off: readable without colours, as wdiff does it."""


def print_near(documents: list[NearDocument]) -> None:
    """Print the nearest documents, one paragraph each."""
    if not documents:
        _say("no document shares five consecutive words with this text")
    for one in documents:
        _say(f"{one.similarity:.4f}  {one.record_id}  (source `{one.source}`, key {one.key})")
        _say(f"        {one.path}:{one.position}, {one.split}; signatures say {one.estimate:.2f}")
        _say(f"        {one_line(one.text, TEXT_SHOWN)}")


def print_clusters(clusters: list[Cluster]) -> None:
    """Print clusters: the survivor, the members least like it, and a difference."""
    if not clusters:
        _say("no record of this dataset repeats another")
    for one in clusters:
        _say(f"{one.records:,} records, of which is kept")
        _say(f"  {_place(one.survivor)}")
        for member in one.furthest:
            _say(f"  {member.similarity:.4f}  {_place(member)}")
        left = one.records - 1 - len(one.furthest)
        if left:
            _say(f"  and {left:,} more, more similar")
        if one.diff is not None:
            text = " ".join(_marked(part) for part in one.diff)
            console.print(text, highlight=False, soft_wrap=True)
        _say("")


def _place(member: Member) -> str:
    return (
        f"{member.record_id}  (source `{member.source}`, key {member.key}) "
        f"{member.path}:{member.position}"
    )


def _marked(part: DiffPart) -> str:
    before, after, style = MARKS[part.kind]
    text = escape(f"{before}{part.text.strip()}{after}")
    return f"[{style}]{text}[/]" if style else text


def _say(line: str) -> None:
    console.print(escape(visible(line)), highlight=False, soft_wrap=True)
