"""A lineage on a terminal: the version, what it was made of above it, what was made of it below."""

from rich.tree import Tree

from flows.lineage import Edge, Lineage, Node
from flows.reports.visible_text import visible
from flows.terminal import console


def print_lineage(lineage: Lineage) -> None:
    """Print the tree of a lineage, from sources to models."""
    center = next(number for number, one in enumerate(lineage.nodes) if one.kind == "dataset")
    tree = Tree(_told(lineage.nodes[center], lineage))
    made_of = tree.add("made of")
    for edge, node in lineage.into(center):
        made_of.add(_told(node, lineage, edge))
    models = list(lineage.out_of(center))
    into = tree.add("went into" if models else "went into nothing yet")
    for edge, node in models:
        into.add(_told(node, lineage, edge))
    console.print(tree, highlight=False, markup=False, soft_wrap=True)


def _told(node: Node, lineage: Lineage, edge: Edge | None = None) -> str:
    roles = "".join(f" [{role}]" for role in node.roles)
    asked = "  <- asked for" if node.name == lineage.wanted and edge is not None else ""
    word = f"{edge.word}: " if edge is not None and edge.word != "read" else ""
    return visible(f"{word}{node.kind} {node.name}{roles}  {node.details}{asked}")
