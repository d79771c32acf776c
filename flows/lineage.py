"""Lineage: from sources over dataset versions to the models trained on them. No Prefect here."""

from collections.abc import Iterator
from typing import Final, Literal

from data_contracts.aliases import Alias
from data_contracts.errors import VersionUnknown
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest, ModelManifest
from data_contracts.warehouse import Warehouse
from flows.reports.visible_text import one_line

Kind = Literal["source", "evaluation set", "dataset", "model"]

_LABEL_CHARACTERS: Final = 60
_SHAPES: Final[dict[Kind, tuple[str, str]]] = {
    "source": ("[(", ")]"),
    "evaluation set": ("{{", "}}"),
    "dataset": ("[", "]"),
    "model": ("([", "])"),
}
# What Mermaid reads as its own inside a quoted label; shown by its number instead.
_MERMAID_SIGNS: Final = {ord(sign): f"#{ord(sign)};" for sign in '"#;<>&`\\*_[](){}|~'}


class Node(Frozen):
    """One thing that data came through."""

    kind: Kind
    """What it is."""
    name: str
    """A source's name, or NAME@VERSION."""
    details: str
    """Counts or key figures, in a few words."""
    roles: tuple[str, ...] = ()
    """`candidate`, `production`."""


class Edge(Frozen):
    """One thing that another was made of."""

    start: int
    """Number of the node it comes from."""
    end: int
    """Number of the node it goes into."""
    word: str
    """How."""


class Lineage(Frozen):
    """What a version was made of, and what was made of it."""

    wanted: str
    """NAME@VERSION that was asked for."""
    nodes: tuple[Node, ...]
    """Everything in it."""
    edges: tuple[Edge, ...]
    """How it hangs together."""

    def into(self, node: int) -> Iterator[tuple[Edge, Node]]:
        """List what a node was made of."""
        return ((edge, self.nodes[edge.start]) for edge in self.edges if edge.end == node)

    def out_of(self, node: int) -> Iterator[tuple[Edge, Node]]:
        """List what was made of a node."""
        return ((edge, self.nodes[edge.end]) for edge in self.edges if edge.start == node)


def trace(warehouse: Warehouse, wanted: str | None) -> Lineage:
    """Follow a version back to its sources and on to the models trained on it.

    Args:
        warehouse: Where versions are.
        wanted: NAME@VERSION of a dataset or model, NAME for its latest dataset; None: the latest.

    Raises:
        VersionUnknown: There is no such version.
    """
    try:
        dataset = DatasetManifest.load(warehouse.find("datasets", wanted))
        label = f"{dataset.name}@{dataset.version}"
    except VersionUnknown:
        model = ModelManifest.load(warehouse.find("models", wanted))
        label = f"{model.name}@{model.version}"
        dataset = DatasetManifest.load(warehouse.find("datasets", model.dataset))
    return _Tracer(warehouse).trace(label, dataset)


class _Tracer:
    """Gathers nodes and edges, each node once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []

    def trace(self, wanted: str, dataset: DatasetManifest) -> Lineage:
        label = f"{dataset.name}@{dataset.version}"
        here = self._add(self._dataset(dataset))
        for source in dataset.sources:
            details = f"{source.records_kept:,} of {source.records_in:,} records kept"
            told = f"{details}, {source.license}" if source.license else details
            self._link(self._add(Node(kind="source", name=source.name, details=told)), here, "read")
        for one in dataset.recipe.get("evaluation_sets") or ():
            node = Node(kind="evaluation set", name=str(one["name"]), details="kept out of it")
            self._link(self._add(node), here, "kept out")
        for other in dataset.recipe.get("disjoint_from") or ():
            node = Node(kind="dataset", name=str(other), details="kept out of it")
            self._link(self._add(node), here, "kept out")
        if dataset.parent is not None:
            before = f"{dataset.name}@{dataset.parent}"
            self._link(self._add(self._known(before)), here, "the version before")
        self._add_models(label, here)
        return Lineage(wanted=wanted, nodes=tuple(self._nodes), edges=tuple(self._edges))

    def _add_models(self, label: str, here: int) -> None:
        for name in self._warehouse.names("models"):
            for version in self._warehouse.versions("models", name):
                folder = self._warehouse.version_folder("models", name, version)
                manifest = ModelManifest.load(folder)
                if manifest.dataset == label:
                    self._link(here, self._add(self._model(manifest)), "trained")

    def _known(self, label: str) -> Node:
        """Describe a dataset version that may have been removed since."""
        try:
            return self._dataset(DatasetManifest.load(self._warehouse.find("datasets", label)))
        except VersionUnknown:
            return Node(kind="dataset", name=label, details="no longer there")

    def _dataset(self, manifest: DatasetManifest) -> Node:
        label = f"{manifest.name}@{manifest.version}"
        tokens = sum(manifest.tokens.values())
        details = f"{manifest.records_kept:,} documents, {tokens:,} tokens"
        return Node(kind="dataset", name=label, details=details, roles=self._roles(label))

    def _model(self, manifest: ModelManifest) -> Node:
        label = f"{manifest.name}@{manifest.version}"
        bits = manifest.figures.get("validation_bits_per_byte")
        measured = f", {bits:.3f} bits per byte" if bits is not None else ""
        details = f"{manifest.parameters:,} parameters{measured}"
        return Node(kind="model", name=label, details=details, roles=self._roles(label))

    def _roles(self, label: str) -> tuple[str, ...]:
        name = label.partition("@")[0]
        targets = {alias: self._warehouse.aliases.target(name, alias) for alias in Alias}
        return tuple(
            str(alias)
            for alias, target in targets.items()
            if target is not None and label in (target.dataset, target.model)
        )

    def _add(self, node: Node) -> int:
        if node not in self._nodes:
            self._nodes.append(node)
        return self._nodes.index(node)

    def _link(self, start: int, end: int, word: str) -> None:
        self._edges.append(Edge(start=start, end=end, word=word))


def mermaid(lineage: Lineage) -> str:
    """Write a lineage as a Mermaid flowchart; foreign names cannot end a label or be markup in it."""
    lines = ["flowchart LR"]
    for number, node in enumerate(lineage.nodes):
        start, end = _SHAPES[node.kind]
        shown = [node.name, *(f"({role})" for role in node.roles), node.details]
        label = "<br>".join(_plain(part) for part in shown)
        lines.append(f'    n{number}{start}"{label}"{end}')
    lines += [f"    n{edge.start} -->|{_plain(edge.word)}| n{edge.end}" for edge in lineage.edges]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return one_line(text, _LABEL_CHARACTERS).translate(_MERMAID_SIGNS)
