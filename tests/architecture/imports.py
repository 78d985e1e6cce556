"""Which modules import which, read from their source without running it, and the circles among them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

type Graph = Mapping[str, set[str]]


def import_graph(files: Mapping[str, Path]) -> Graph:
    """What each module imports of the others: at its top, in functions and in classes; not for type checkers alone."""
    return {
        module: {
            name if name in files else name.rpartition(".")[0]
            for name in imported(file.read_text(), package_of(module, file))
        }
        & files.keys()
        for module, file in files.items()
    }


def package_of(module: str, file: Path) -> str:
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


def imported(source: str, package: str = "") -> set[str]:
    """The full names that the source of a module in `package` imports: modules, and names of modules."""
    names: set[str] = set()
    for node in _nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parts, *filter(None, [node.module])])
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, except what is imported for type checkers alone."""
    typing_only = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
    for child in ast.iter_child_nodes(node):
        if child not in typing_only:
            yield child
            yield from _nodes(child)


def circles(graph: Graph) -> list[list[str]]:
    """Each set of modules that import one another, directly or through others (Tarjan's components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            place = stack.index(module)
            component = stack[place:]
            del stack[place:]
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in index:
            visit(module)
    return found
