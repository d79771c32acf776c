"""The rounds on made-up graphs, against comparing all pairs of all buckets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.buckets import Buckets
from pipeline.dedup.election import kernels, rounds
from pipeline.dedup.election.rounds import Election

LEVELS = st.sampled_from([0.0, 0.7, 0.8, 0.9, 1.0])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[list[int]], dict[tuple[int, int], float]]:
    """Nodes, buckets and the similarity of every pair that meets in a bucket."""
    nodes = draw(st.integers(2, 14))
    bucket = st.sets(st.integers(0, nodes - 1), min_size=2).map(sorted)
    buckets = draw(st.lists(bucket, max_size=6))
    meeting = sorted({pair for members in buckets for pair in combinations(members, 2)})
    return nodes, buckets, {pair: draw(LEVELS) for pair in meeting}


def held(
    nodes: int,
    buckets: list[list[int]],
    similarity: dict[tuple[int, int], float],
    limit: int = 1000,
) -> tuple[Election, list[tuple[int, int]]]:
    """An election that was settled, and the pairs that it compared."""
    asked: list[tuple[int, int]] = []

    def compare(worse: np.ndarray, better: np.ndarray) -> np.ndarray:
        pairs = list(zip(better.tolist(), worse.tolist(), strict=True))
        asked.extend(pairs)
        return np.array([similarity[pair] for pair in pairs])

    members = np.array([node for bucket in buckets for node in bucket], np.uint32)
    starts = np.cumsum([0, *map(len, buckets)]).astype(np.int64)
    election = Election(nodes, Buckets(members, starts), compare, 0.8, limit)
    election.settle()
    return election, asked


def survivors(
    nodes: int, similarity: dict[tuple[int, int], float], barred: frozenset[int] = frozenset()
) -> list[int]:
    found: list[int] = []
    for node in range(nodes):
        beaten = any(similarity.get((other, node), 0) >= 0.8 for other in found)
        if not beaten and node not in barred:
            found.append(node)
    return found


@given(graphs())
@settings(max_examples=200)
def test_rounds_find_the_first_maximal_independent_set(graph):
    nodes, _, similarity = graph
    election, asked = held(*graph)
    assert np.flatnonzero(election.alive).tolist() == survivors(nodes, similarity)
    assert len(asked) == len(set(asked)) == election.pairs_compared
    assert election.capped() == 0


@given(graphs(), st.data())
@settings(max_examples=200)
def test_barring_a_survivor_lets_others_take_its_place(graph, data):
    nodes, _, similarity = graph
    election, asked = held(*graph)
    barred: set[int] = set()
    for _ in range(2):
        alive = np.flatnonzero(election.alive)
        if len(alive):
            barred |= data.draw(st.sets(st.sampled_from(alive.tolist())))
        election.bar(np.array(sorted(barred), np.int64))
        election.settle()
        want = survivors(nodes, similarity, frozenset(barred))
        assert np.flatnonzero(election.alive).tolist() == want
    assert len(asked) == len(set(asked))


@given(graphs())
def test_who_gives_way_names_the_most_similar_survivor_that_it_was_compared_with(graph):
    _, _, similarity = graph
    election, asked = held(*graph)
    named, how_similar = election.survivors()
    for node, alive in enumerate(election.alive):
        rivals = {
            better: similarity[better, worse]
            for better, worse in asked
            if worse == node and election.alive[better] and similarity[better, worse] >= 0.8
        }
        if alive:
            assert named[node] == -1
            continue
        best = max(rivals.values())
        assert how_similar[node] == best
        assert named[node] == min(n for n, value in rivals.items() if value == best)


@given(graphs(), st.integers(1, 3))
def test_nobody_is_compared_more_often_than_allowed(graph, limit):
    election, asked = held(*graph, limit=limit)
    counts = np.bincount([worse for _, worse in asked], minlength=len(election.alive))
    assert (counts <= limit).all()
    _, _, similarity = graph
    lacking = {
        worse
        for better, worse in similarity
        if election.alive[better] and election.alive[worse] and (better, worse) not in asked
    }
    assert election.capped() == len(lacking)


@given(graphs())
def test_little_room_for_pairs_changes_nothing(graph):
    whole, _ = held(*graph)
    before = rounds.ROOM
    try:
        rounds.ROOM = 1
        piecewise, _ = held(*graph)
    finally:
        rounds.ROOM = before
    assert piecewise.alive.tolist() == whole.alive.tolist()
    assert [c.tolist() for c in piecewise.survivors()] == [c.tolist() for c in whole.survivors()]
    assert piecewise.pairs_compared == whole.pairs_compared


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "plain"])
@given(graph=graphs(), dead=st.sets(st.integers(0, 13)), few=st.integers(1, 3))
def test_proposals_are_the_best_living_ones_of_each_bucket(plain, graph, dead, few):
    def run(kernel, *given_):
        return (kernel.py_func if plain else kernel)(*given_)

    nodes, buckets, _ = graph
    members = np.array([node for bucket in buckets for node in bucket], np.uint32)
    starts = np.cumsum([0, *map(len, buckets)]).astype(np.int64)
    alive = np.array([node not in dead for node in range(nodes)])
    lists = run(kernels.invert, members, starts, nodes)
    living = run(kernels.keep_alive, members, starts, alive)
    nobody = np.zeros(0, np.uint32), np.zeros(nodes + 1, np.int64)
    worse, better, _ = run(kernels.propose, 0, few, 99, 999, alive, *lists, *living, *nobody)
    want = set()
    for bucket in buckets:
        here = [node for node in bucket if alive[node]]
        want |= {(node, other) for node in here for other in here[:few] if other < node}
    assert list(zip(worse.tolist(), better.tolist(), strict=True)) == sorted(want)
    seen, seen_starts = run(kernels.remember, *nobody, worse, better)
    again, _, _ = run(kernels.propose, 0, 99, 99, 999, alive, *lists, *living, seen, seen_starts)
    everything = sum(
        len({o for b in buckets if n in b for o in b if o < n and alive[o]})
        for n in range(nodes)
        if alive[n]
    )
    assert len(again) + len(worse) == everything
