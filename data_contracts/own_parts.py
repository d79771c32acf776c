"""Parts of one's own: a recipe names a function as `module:function`, and it runs as if built in.

A module is a file beside the recipe (`my_readers:read` is `my_readers.py`), any file
(`parts/readers.py:read`), or one that is installed. The function's annotations are its contract: they
are compared with what the kind of part asks for before anything is read. A part's identity is the
hash of its source file, so that changed code makes a new version; what that file imports is not part
of it. A recipe's parts run with the rights of whoever runs the recipe.
"""

import ast
import functools
import hashlib
import importlib.util
import inspect
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field

from data_contracts.errors import RecipeInvalid

OwnPart = Annotated[str, Field(pattern=r"^[^:\s][^:]*:[A-Za-z_][A-Za-z0-9_]*$")]
"""`module:function`, `path/to/file.py:function`: the type of a recipe's field that names a part."""

_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class PartKind(NamedTuple):
    """What a recipe may name in one place, and how it is called."""

    what: str
    """The word for it, such as `reader`."""
    parameters: tuple[Any, ...]
    """The types of its positional parameters, in order."""
    returns: tuple[Any, ...]
    """The types that it may be annotated to return."""

    def signature(self) -> str:
        """Show what such a function looks like."""
        given = ", ".join(f"…: {_shown(kind)}" for kind in self.parameters)
        return f"def …({given}) -> {_shown(self.returns[0])}"


def resolve_part(part: str, base: Path) -> str:
    """Make a part's file absolute, where it is a file: from now on it means one place.

    Args:
        part: As the recipe says it.
        base: The recipe's folder.
    """
    module, _, function = part.rpartition(":")
    beside = base / f"{module.replace('.', '/')}.py"
    if _MODULE.fullmatch(module) and not module.endswith(".py"):
        return f"{beside.absolute()}:{function}" if beside.is_file() else part
    return f"{(base / module).absolute()}:{function}"


def load_part(part: str, kind: PartKind, field: str) -> Callable[..., Any]:
    """Import a part and check that it is one of its kind.

    Args:
        part: As `resolve_part` gave it.
        kind: What it must be.
        field: The recipe's field that names it, dotted; errors tell it.

    Raises:
        RecipeInvalid: There is no such file, module or function, importing it failed, or its
            annotations are not those of its kind.
    """
    path, _, name = part.rpartition(":")
    source = _source(part, field)
    try:
        module = _module(path, source) if _is_file(path) else importlib.import_module(path)
    except Exception as error:  # the user's code may raise anything
        problem = f"importing `{path}` failed ({type(error).__name__}: {error})"
        raise RecipeInvalid(part, field, problem, "Mend it there.") from error
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        raise _no_function(part, field, source)
    _check(function, kind, part, field)
    return function


def part_identity(part: str, field: str) -> str:
    """Tell what a part is, without running it: its name, and the SHA-256 of its source file.

    Raises:
        RecipeInvalid: There is no such file, module or function.
    """
    source = _source(part, field)
    name = part.rpartition(":")[2]
    if name not in _functions(source):
        raise _no_function(part, field, source)
    return f"{name}@{hashlib.sha256(source).hexdigest()}"


def _is_file(module: str) -> bool:
    return module.endswith(".py")


def _source(part: str, field: str) -> bytes:
    module = part.rpartition(":")[0]
    try:
        path = Path(module) if _is_file(module) else _installed(module)
        return path.read_bytes()
    except (OSError, ImportError, ValueError) as error:
        raise RecipeInvalid(
            part,
            field,
            f"there is no module `{module}` ({error})",
            "Put it beside the recipe as a `.py` file, or install it.",
        ) from error


def _installed(module: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or not found.origin or not found.has_location:
        msg = "neither beside the recipe nor installed with its source"
        raise ImportError(msg)
    return Path(found.origin)


@functools.lru_cache(maxsize=64)
def _module(path: str, source: bytes) -> ModuleType:
    """Run a file as a module of its own; changed source makes another module."""
    name = f"own_part_{hashlib.sha256(path.encode() + source).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "it is a .py file"  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look it up there
    try:
        # Not the loader: it may take older bytecode, and these bytes are the ones that were hashed.
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - what the recipe asks for
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _functions(source: bytes) -> list[str]:
    """Name a file's own functions and what it imports by name; none where it is not Python."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for one in body:
        if isinstance(one, ast.FunctionDef):
            names.append(one.name)
        elif isinstance(one, ast.ImportFrom):
            names.extend(alias.asname or alias.name for alias in one.names)
    return names


def _no_function(part: str, field: str, source: bytes) -> RecipeInvalid:
    path, _, name = part.rpartition(":")
    there = ", ".join(f"`{one}`" for one in _functions(source)[:8]) or "none"
    return RecipeInvalid(
        part, field, f"`{path}` has no function `{name}`", f"Its functions: {there}."
    )


def _check(function: Callable[..., Any], kind: PartKind, part: str, field: str) -> None:
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:  # the user's code may raise anything
        raise _wrong(part, field, kind, f"its annotations cannot be read ({error})") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    count = len(kind.parameters)
    if len(required) != count or any(one.kind not in positional for one in required):
        raise _wrong(part, field, kind, f"it must take {count} argument(s)")
    for one, wanted in zip(required, kind.parameters, strict=True):
        found = hints.get(one.name)
        if _plain(found) != _plain(wanted):
            raise _wrong(part, field, kind, f"`{one.name}` is {_shown(found)}, not a {wanted!s}")
    if _plain(hints.get("return")) not in [_plain(one) for one in kind.returns]:
        problem = f"it returns {_shown(hints.get('return'))}"
        raise _wrong(part, field, kind, problem)


def _wrong(part: str, field: str, kind: PartKind, problem: str) -> RecipeInvalid:
    return RecipeInvalid(
        part, field, f"this is no {kind.what}: {problem}", f"One is: {kind.signature()}"
    )


def _plain(kind: Any) -> Any:
    """Make `typing.Iterator[X]` and `collections.abc.Iterator[X]` equal."""
    origin = typing.get_origin(kind)
    if origin is None:
        return kind
    return origin, tuple(_plain(one) for one in typing.get_args(kind))


def _shown(kind: Any) -> str:
    if kind is None:
        return "not annotated"
    if typing.get_origin(kind) is None and isinstance(kind, type):
        return kind.__name__
    return str(kind).replace("collections.abc.", "").replace("typing.", "")
