"""`--where "blur > 50 and (license == 'cc0' or detect('chair') >= 0.3)"`: a small safe language.

Python's own parser makes the tree; only the nodes below are walked, none is ever executed.
Names are facts of a picture (see `facts`); `a.b` and `a["b"]` look into objects. A name that a
picture lacks is None, and every comparison with None but `== None` and `!= None` is false.
"""

from __future__ import annotations

import ast
import fnmatch
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from curation.errors import ParamError

MOST_LETTERS, MOST_NODES = 4000, 600
Facts = Mapping[str, Any]

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def best_score(facts: Facts, name: str) -> float | None:
    """Return the best score of a class: 0 when it was not found, None when not looked for."""
    classes = facts.get("classes")
    if not isinstance(classes, Mapping) or name.lower() not in classes:
        return None
    scores = [item.get("score", 0) for item in classes[name.lower()] if isinstance(item, Mapping)]
    return max((float(score) for score in scores), default=0.0)


def _count(facts: Facts, name: str) -> int | None:
    classes = facts.get("classes")
    found = classes.get(name.lower()) if isinstance(classes, Mapping) else None
    return len(found) if isinstance(found, list) else None


def _has(facts: Facts, name: str) -> bool:
    at: Any = facts
    for part in name.split("."):
        at = at.get(part) if isinstance(at, Mapping) else None
    return at is not None


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "detect": (1, best_score),
    "count": (1, _count),
    "has": (1, _has),
    "like": (2, lambda _, text, glob: fnmatch.fnmatchcase(str(text or ""), str(glob))),
    "lower": (1, lambda _, text: str(text).lower() if text is not None else None),
    "abs": (1, lambda _, x: abs(x) if _number(x) else None),
    "len": (1, lambda _, x: len(x) if isinstance(x, str | list | Mapping) else None),
}
"""Name -> (arguments, what it does with the facts and them)."""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that was checked and can be asked about any picture.

    Attributes:
        names: facts that it speaks of, dotted where it looks into objects.
    """

    text: str
    names: frozenset[str]
    _tree: ast.expr

    def __call__(self, facts: Facts) -> bool:
        """Return whether it holds."""
        return bool(_value(self._tree, facts))


def parse(text: str) -> Where:
    """Return the condition that a text says.

    Raises:
        ParamError: naming what is not understood.
    """
    if len(text) > MOST_LETTERS:
        raise ParamError(f"--where has {len(text)} letters; at most {MOST_LETTERS} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ParamError(
            f"--where {text!r} is not understood: {said}",
            "as in --where \"blur > 50 and source == 'flickr'\"",
        ) from error
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        raise ParamError("--where is too long")
    for node in nodes:
        _check(node, text)
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    inner = {node.value for node in nodes if isinstance(node, ast.Attribute | ast.Subscript)}
    paths = (_path(n) for n in nodes if n not in called and n not in inner)
    return Where(text, frozenset(path for path in paths if path), tree)


def _check(node: ast.AST, text: str) -> None:
    fine: tuple[type[ast.AST], ...] = (
        ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Eq, ast.NotEq,
        ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Name, ast.Load, ast.Attribute, ast.Subscript,
        ast.Tuple, ast.List, ast.BinOp, *_ARITHMETIC, *_ORDER,
    )  # fmt: skip
    if isinstance(node, ast.Call):
        word = node.func.id if isinstance(node.func, ast.Name) else ""
        if word not in FUNCTIONS or node.keywords:
            raise ParamError(
                f"--where: {ast.unparse(node.func)}() is no function here",
                f"known: {', '.join(FUNCTIONS)}",
            )
        if len(node.args) != FUNCTIONS[word][0]:
            raise ParamError(f"--where: {word}() takes {FUNCTIONS[word][0]} values")
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, str | int | float | bool | None):
            raise ParamError(f"--where: {ast.unparse(node)} cannot be used")
    elif isinstance(node, ast.Subscript):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            raise ParamError('--where: only names go between [ ], as in metrics["blur"]')
    elif not isinstance(node, fine):
        raise ParamError(f"--where {text!r}: {type(node).__name__} cannot be used")


def _path(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _path(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        inner = _path(node.value)
        return f"{inner}.{node.slice.value!s}" if inner else ""
    return ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _value(node: ast.expr, facts: Facts) -> Any:
    if isinstance(node, ast.BoolOp):
        values = (_value(part, facts) for part in node.values)
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, facts)
        if isinstance(node.op, ast.Not):
            return not value
        return -value if _number(value) else None
    if isinstance(node, ast.BinOp):
        return _sum(node, facts)
    if isinstance(node, ast.Compare):
        return _compared(node, facts)
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id][1](facts, *(_value(arg, facts) for arg in node.args))
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return facts.get(node.id)
    if isinstance(node, ast.Attribute | ast.Subscript):
        inner = _value(node.value, facts)
        key = node.attr if isinstance(node, ast.Attribute) else _value(node.slice, facts)
        return inner.get(key) if isinstance(inner, Mapping) else None
    assert isinstance(node, ast.Tuple | ast.List)
    return [_value(part, facts) for part in node.elts]


def _sum(node: ast.BinOp, facts: Facts) -> Any:
    left, right = _value(node.left, facts), _value(node.right, facts)
    if not (_number(left) and _number(right)):
        return None
    try:
        return _ARITHMETIC[type(node.op)](left, right)
    except (ZeroDivisionError, OverflowError):
        return None


def _compared(node: ast.Compare, facts: Facts) -> bool:
    left = _value(node.left, facts)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, facts)
        if not _holds(op, left, right):
            return False
        left = right
    return True


def _holds(op: ast.cmpop, left: Any, right: Any) -> bool:
    if isinstance(op, ast.Eq | ast.Is):
        return bool(left == right)
    if isinstance(op, ast.NotEq | ast.IsNot):
        return bool(left != right)
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, str | list | Mapping) or left is None:
            return False
        if isinstance(right, str) and not isinstance(left, str):
            return False
        return (left in right) == isinstance(op, ast.In)
    both = (_number(left) and _number(right)) or (isinstance(left, str) and isinstance(right, str))
    return both and _ORDER[type(op)](left, right)
