"""Who is compared with whom, and who survives: numbers only.

Everywhere a node is a record that no other repeats exactly, numbered by rank: 0 is the best. A bucket
is a list of nodes whose signatures share a band. An edge joins two nodes at or over the threshold.
"""

import numpy as np

from pipeline.kernel_cache import kernel


@kernel
def invert(members, bucket_starts, nodes):
    """List the buckets of each node.

    Args:
        members: uint32 (entries,), nodes, buckets end to end.
        bucket_starts: int64 (buckets + 1,).
        nodes: How many nodes there are.

    Returns:
        lists uint32 (entries,), buckets, ascending within a node; list_starts int64 (nodes + 1,).
    """
    list_starts = np.zeros(nodes + 1, np.int64)
    for node in members:
        list_starts[node + 1] += 1
    for node in range(nodes):
        list_starts[node + 1] += list_starts[node]
    free = list_starts[:-1].copy()
    lists = np.empty(len(members), np.uint32)
    for bucket in range(len(bucket_starts) - 1):
        for e in range(bucket_starts[bucket], bucket_starts[bucket + 1]):
            node = members[e]
            lists[free[node]] = bucket
            free[node] += 1
    return lists, list_starts


@kernel
def keep_alive(members, bucket_starts, alive):
    """Leave out of every bucket the nodes that are not alive.

    Args:
        members: uint32 (entries,).
        bucket_starts: int64 (buckets + 1,).
        alive: bool (nodes,).

    Returns:
        members uint32 (fewer entries,) and bucket_starts int64 (buckets + 1,), in the same order.
    """
    found = np.empty(len(members), np.uint32)
    starts = np.zeros(len(bucket_starts), np.int64)
    used = 0
    for bucket in range(len(bucket_starts) - 1):
        for e in range(bucket_starts[bucket], bucket_starts[bucket + 1]):
            if alive[members[e]]:
                found[used] = members[e]
                used += 1
        starts[bucket + 1] = used
    return found[:used], starts


@kernel
def propose(
    first, few, limit, room, alive, lists, list_starts, members, bucket_starts, seen, seen_starts
):
    """Pair living nodes with the few best living nodes of each of their buckets.

    Args:
        first: Node to begin at.
        few: New partners at most per bucket.
        limit: Partners at most per node, those seen before included.
        room: Pairs after which to stop (at the end of a node).
        alive: bool (nodes,).
        lists: uint32, as `invert` gives them.
        list_starts: int64 (nodes + 1,).
        members: uint32, the living ones, as `keep_alive` gives them.
        bucket_starts: int64 (buckets + 1,).
        seen: uint32 (pairs,), better nodes that each node was compared with, ascending.
        seen_starts: int64 (nodes + 1,).

    Returns:
        worse uint32 (pairs,), ascending; better uint32 (pairs,), ascending within a node; and the
        node to go on with (the number of nodes: done).
    """
    nodes = len(alive)
    worse, better = np.empty(room + limit, np.uint32), np.empty(room + limit, np.uint32)
    used = 0
    node = first
    while node < nodes and used < room:
        seen_first, seen_stop = seen_starts[node], seen_starts[node + 1]
        left = limit - (seen_stop - seen_first) if alive[node] else 0
        found = 0  # better[used : used + found]: the smallest so far, ascending
        for entry in range(list_starts[node], list_starts[node + 1] if left > 0 else 0):
            bucket = lists[entry]
            taken, s = 0, seen_first
            for e in range(bucket_starts[bucket], bucket_starts[bucket + 1]):
                other = members[e]
                if other >= node or taken == few:
                    break
                while s < seen_stop and seen[s] < other:
                    s += 1
                if s < seen_stop and seen[s] == other:
                    continue
                taken += 1
                place = used + found
                while place > used and better[place - 1] > other:
                    place -= 1
                if place > used and better[place - 1] == other:
                    continue
                if place == used + left:
                    break
                found = min(found + 1, left)
                for i in range(used + found - 1, place, -1):
                    better[i] = better[i - 1]
                better[place] = other
        for _ in range(found):
            worse[used] = node
            used += 1
        node += 1
    return worse[:used], better[:used], node


@kernel
def remember(seen, seen_starts, worse, better):
    """Add pairs to those that were compared.

    Args:
        seen: uint32 (pairs,), as `propose` takes it.
        seen_starts: int64 (nodes + 1,).
        worse: uint32 (new pairs,), ascending.
        better: uint32 (new pairs,), ascending within a node; none was seen before.

    Returns:
        seen and seen_starts with the new pairs in them.
    """
    nodes = len(seen_starts) - 1
    merged = np.empty(len(seen) + len(worse), np.uint32)
    starts = np.zeros(nodes + 1, np.int64)
    used, new = 0, 0
    for node in range(nodes):
        old, stop = seen_starts[node], seen_starts[node + 1]
        while old < stop or (new < len(worse) and worse[new] == node):
            fresh = new < len(worse) and worse[new] == node
            if fresh and (old == stop or better[new] < seen[old]):
                merged[used] = better[new]
                new += 1
            else:
                merged[used] = seen[old]
                old += 1
            used += 1
        starts[node + 1] = used
    return merged, starts


@kernel
def elect(barred, worse, better):
    """Find the lexicographically first maximal independent set: who survives.

    Args:
        barred: bool (nodes,), nodes that may not survive whatever happens.
        worse: uint32 (edges,), ascending.
        better: uint32 (edges,), the other, better end of each edge.

    Returns:
        bool (nodes,): alive. A node is not if it is barred, or has an edge to a better living one.
    """
    alive = ~barred
    for e in range(len(worse)):
        if alive[better[e]]:  # decided: all edges of better nodes came before
            alive[worse[e]] = False
    return alive


@kernel
def name_survivors(alive, worse, better, similarity):
    """Name, for every node that is not alive, the most similar better living one it has an edge to.

    Args:
        alive: bool (nodes,), as `elect` gives it.
        worse: uint32 (edges,), ascending.
        better: uint32 (edges,).
        similarity: float64 (edges,).

    Returns:
        survivors int64 (nodes,), -1 for living nodes and those without one (the best-ranked of
        equally similar ones); similarity float64 (nodes,), 0 where there is none.
    """
    survivors = np.full(len(alive), -1, np.int64)
    best = np.zeros(len(alive), np.float64)
    for e in range(len(worse)):
        node, other = worse[e], np.int64(better[e])
        if alive[node] or not alive[other]:
            continue
        closer = similarity[e] > best[node]
        as_close = similarity[e] == best[node]
        if survivors[node] < 0 or closer or (as_close and other < survivors[node]):
            survivors[node], best[node] = other, similarity[e]
    return survivors, best
