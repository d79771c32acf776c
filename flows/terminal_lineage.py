"""A lineage on a terminal: the version, what it was made of above it, what was made of it below."""

from collections.abc import Sequence

from flows.lineage import Edge, Lineage, Node
from flows.reports.visible_text import visible
from flows.terminal import console


def print_lineage(lineage: Lineage) -> None:
    """Print the tree of a lineage, from sources to models."""
    center = next(number for number, one in enumerate(lineage.nodes) if one.kind == "dataset")
    made_of = [_told(node, lineage, edge) for edge, node in lineage.into(center)]
    models = [_told(node, lineage, edge) for edge, node in lineage.out_of(center)]
    _say(_told(lineage.nodes[center], lineage))
    _branch("├── made of", "│   ", made_of)
    _branch("└── went into" if models else "└── went into nothing yet", "    ", models)


def _branch(title: str, indent: str, items: Sequence[str]) -> None:
    _say(title)
    for number, item in enumerate(items, 1):
        _say(f"{indent}{'└── ' if number == len(items) else '├── '}{item}")


def _say(line: str) -> None:
    # Not a tree of Rich: it cuts what is longer than the terminal is wide.
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _told(node: Node, lineage: Lineage, edge: Edge | None = None) -> str:
    roles = "".join(f" [{role}]" for role in node.roles)
    asked = "  <- asked for" if node.name == lineage.wanted and edge is not None else ""
    word = f"{edge.word}: " if edge is not None and edge.word != "read" else ""
    return visible(f"{word}{node.kind} {node.name}{roles}  {node.details}{asked}")
