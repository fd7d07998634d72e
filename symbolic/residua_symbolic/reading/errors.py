"""What is wrong with a text, said in one line that shows the text without its control characters."""

from residua_network.errors import ResiduaError

SHOWN = 60  # characters of the user's text in a message


class ExpressionError(ResiduaError):
    """A text that is not an expression of the grammar, or has no finite real meaning."""


def shown(text: str) -> str:
    """`text` in quotes, shortened, plain ASCII on one line."""
    return ascii(text) if len(text) <= SHOWN else f"{text[:SHOWN]!a}..."


def refusal(text: str, what: str, column: int | None = None) -> ExpressionError:
    """The error that says what is wrong with `text`, and in which column (counted from 0 here, from 1 in the words)."""
    where = "" if column is None else f"column {column + 1}: "
    return ExpressionError(f"expression {shown(text)}: {where}{what}")
