"""Text from users to expressions: one safe way in, used wherever an expression enters."""

from residua_symbolic.reading.errors import ExpressionError
from residua_symbolic.reading.expression import Expression
from residua_symbolic.reading.reader import read

__all__ = ["Expression", "ExpressionError", "read"]
