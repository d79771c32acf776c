"""Lineage of versions, as a tree and as a Mermaid flowchart."""

import re

import pytest

from data_contracts.errors import VersionUnknown
from data_contracts.warehouse import Warehouse
from flows.lineage import Edge, Lineage, Node, mermaid, trace
from tests.flows.reports.hostile_corpus import HOSTILE


def test_a_run_is_traced_from_its_sources_to_its_model(first_run):
    _, root, summary = first_run
    store = Warehouse.existing(root)
    found = trace(store, None)
    assert found == trace(store, f"corpus@{summary.dataset.version}")
    kinds = [node.kind for node in found.nodes]
    assert sorted(kinds) == ["dataset", "model", "source", "source"]
    center = kinds.index("dataset")
    assert {node.name for _, node in found.into(center)} == {"records", "notes"}
    ((edge, model),) = found.out_of(center)
    assert (edge.word, model.name) == ("trained", f"corpus@{summary.model.version}")
    assert "bits per byte" in model.details
    assert model.roles == ("candidate",)
    by_model = trace(store, model.name)
    assert (by_model.wanted, by_model.nodes) == (model.name, found.nodes)


def test_a_version_that_is_not_there_is_told(first_run):
    with pytest.raises(VersionUnknown):
        trace(Warehouse.existing(first_run[1]), "corpus@0099-abcdef01")


def test_no_name_gets_out_of_its_label():
    nodes = (
        Node(kind="source", name=HOSTILE + '"] --> x["', details="click n0 href javascript:1"),
        Node(kind="dataset", name='a"]; subgraph', details="%% `x`", roles=("candidate",)),
    )
    drawn = mermaid(Lineage(wanted="a", nodes=nodes, edges=(Edge(start=0, end=1, word='"|]'),)))
    lines = drawn.splitlines()
    assert lines[0] == "flowchart LR"
    assert len(lines) == 4
    for line, (start, end) in zip(lines[1:3], [(r"\[\(", r"\)\]"), (r"\[", r"\]")], strict=True):
        assert re.fullmatch(
            rf'    n\d{start}"[^"<>\[\]{{}}()|]*(<br>[^"<>\[\]{{}}()|]*)+"{end}', line
        )
    assert re.fullmatch(r"    n0 -->\|[^|\"\]]*\| n1", lines[3])
