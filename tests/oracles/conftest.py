"""What several folders share lies in tests/oracles: tests/ goes on the path, as in `mypy_path` of pyproject.toml."""

import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)
