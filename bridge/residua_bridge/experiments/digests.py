"""A digest of code: whether a long run, kept in a file, was made with the code at hand."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(files: Iterable[Path]) -> str:
    """Of the statements of these files. Comments, docstrings and imports change no result."""
    return hashlib.sha256("".join(_statements(file) for file in files).encode()).hexdigest()[:16]


def _statements(file: Path) -> str:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [s for s in body if not _is_silent(s)]
    return ast.dump(tree)


def _is_silent(statement: ast.stmt) -> bool:
    """Whether it is a docstring or an import."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
