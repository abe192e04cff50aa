"""Copies the docstrings of the native classes into their stub, where editors look for them.

The source of the docstrings are the doc comments in `src`. The signatures in the stub are written
by hand, and checked by stubtest. Run this after changing a doc comment, with the package installed:

    python stub.py
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

STUB = Path(__file__).parent / "python" / "tracklite" / "_tracklite.pyi"
COLUMNS_MAX = 100
# The other special methods have docstrings of Python itself.
_SPECIAL = {"__arrow_c_schema__", "__arrow_c_stream__", "__array_interface__"}


def documented(stub: str, module: Any) -> str:
    """Returns the text of a stub with the docstrings of a module."""
    starts = [0]
    for line in stub.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        # The columns of `ast` are bytes, and stubs are ASCII.
        return starts[line - 1] + column

    changes = []
    for node, item in _definitions(ast.parse(stub), module):
        doc = inspect.cleandoc(getattr(item, "__doc__", None) or "")
        has_docstring = ast.get_docstring(node) is not None
        if not doc or (_is_special(node) and not has_docstring):
            continue
        first = node.body[0]
        start = offset(first.lineno, first.col_offset)
        end = offset(first.end_lineno, first.end_col_offset)
        if isinstance(node, ast.ClassDef) and not has_docstring:
            # The first member follows the docstring, with its decorators.
            lines = [decorator.lineno for decorator in first.decorator_list] + [first.lineno]
            start = end = offset(min(lines), 0)
        changes.append((start, end, _literal(doc, node.col_offset + 4)))
    for start, end, text in sorted(changes, reverse=True):
        is_class = text.startswith('    "')
        before, after = stub[:start].rstrip(), stub[end:].lstrip("\n")
        stub = f"{before}\n{text}\n" + ("\n" if is_class and after else "") + after
    return stub


def _definitions(tree: ast.Module, module: Any) -> list[tuple[Any, Any]]:
    """Finds the classes and functions of a stub, with what they are in the module."""
    found: list[tuple[Any, Any]] = []
    for node in tree.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or not hasattr(module, node.name):
            continue
        item = getattr(module, node.name)
        found.append((node, item))
        if isinstance(node, ast.ClassDef):
            members = [member for member in node.body if isinstance(member, ast.FunctionDef)]
            # By `getattr`, because a static method in `vars` has the docstring of its type.
            found.extend((member, getattr(item, member.name, None)) for member in members)
    return found


def _is_special(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return node.name.startswith("__") and node.name not in _SPECIAL


def _literal(doc: str, indent: int) -> str:
    """Formats a docstring."""
    space = " " * indent
    lines = [f'"""{doc}"""'] if "\n" not in doc else [f'"""{doc}', '"""']
    if len(lines[0]) + indent > COLUMNS_MAX and len(lines) == 1:
        lines = [f'"""{doc}', '"""']
    text = "\n".join(space + line if line else "" for line in "\n".join(lines).split("\n"))
    for line in text.split("\n"):
        if len(line) > COLUMNS_MAX:
            raise ValueError(f"shorten this line of a doc comment: {line.strip()}")
    return text


def main() -> None:
    from tracklite import _tracklite

    STUB.write_text(documented(STUB.read_text(), _tracklite))


if __name__ == "__main__":
    main()
