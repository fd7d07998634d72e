"""What residua found, at the top of the README: a table of striking results and one picture, all from findings."""

from residua_bridge.highlights.readme import update, write_all
from residua_bridge.highlights.row import Highlight, UnsupportedError

__all__ = ["Highlight", "UnsupportedError", "update", "write_all"]
