"""One exception class at the edge, so that callers can catch what residua refuses; subclasses say what was wrong."""


class ResiduaError(ValueError):
    """Bad input: the message says where, what was expected and what was got."""


class DescriptionError(ResiduaError):
    """A network that cannot be: sizes that do not meet, an unknown kind, an impossible constant."""


class ShapeError(ResiduaError):
    """An array whose shape, dtype or values do not fit the network."""


class WeightsError(ShapeError):
    """Weights that are missing, surplus, misshapen, of another dtype or not finite."""
