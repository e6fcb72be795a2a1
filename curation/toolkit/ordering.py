"""The order of a plan's actions: moves after those that free their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curation.toolkit.plan import Action, Move


def pairs(move: Move) -> list[tuple[Path, Path]]:
    """Return (from, to) of a picture and of what goes with it; not its own JSON sidecar."""
    return [(move.src, move.dst), *move.beside]


def in_order(actions: Sequence[Action]) -> list[tuple[Action, ...]]:
    """Return actions as groups, moves after those that free their place; a ring is one group.

    Strongly connected components (Tarjan 1972) come out with what they wait for first. In a ring
    of three, a -> b -> c -> a, the group is (a, b, c).
    """
    by_src = {
        src: action
        for action in actions
        if isinstance(action, Move)
        for src, dst in pairs(action)
        if src != dst
    }
    ordered: list[tuple[Action, ...]] = []
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[Move] = []
    waiting: set[int] = set()

    def before(move: Move) -> list[Move]:
        found = (by_src.get(dst) for src, dst in pairs(move) if src != dst)
        return [other for other in found if other is not None and other is not move]

    def visit(first: Move) -> None:
        path = [(first, iter(before(first)))]
        number[id(first)] = low[id(first)] = len(number)
        stack.append(first)
        waiting.add(id(first))
        while path:
            at, left = path[-1]
            other = next(left, None)
            if other is None:
                path.pop()
                if path:
                    above = id(path[-1][0])
                    low[above] = min(low[above], low[id(at)])
                if low[id(at)] == number[id(at)]:
                    where = next(i for i in range(len(stack) - 1, -1, -1) if stack[i] is at)
                    ordered.append(tuple(stack[where:]))
                    waiting.difference_update(id(move) for move in stack[where:])
                    del stack[where:]
            elif id(other) not in number:
                number[id(other)] = low[id(other)] = len(number)
                stack.append(other)
                waiting.add(id(other))
                path.append((other, iter(before(other))))
            elif id(other) in waiting:
                low[id(at)] = min(low[id(at)], number[id(other)])

    for action in actions:
        if not isinstance(action, Move):
            ordered.append((action,))
        elif id(action) not in number:
            visit(action)
    return ordered
