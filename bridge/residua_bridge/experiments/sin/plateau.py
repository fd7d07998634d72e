"""How far from T_n a network can be whose distance to sin is known, and what "the 11th term" can mean."""

from dataclasses import dataclass

from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.sin.errors import TAYLOR, closed_forms
from residua_bridge.findings import Section, Table
from residua_bridge.study import Finding, Settings
from residua_symbolic.series.approximation.plateau import distances, plateau_rule, plateau_start, room

BOUNDS, STARTS, READINGS = "Distance to T_n, whatever the network", "Where the plateau starts", "What term 11 means"
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
LEAST, BELOW, SAME = "flat within: least", "below", "its last non-zero term"  # columns


def degree_of(reading: str, count: int) -> int:
    """The degree of the Taylor polynomial of sin that a reading of "term `count`" names."""
    return {"degree": count, "non-zero term": 2 * count - 1, "coefficient, zeros counted": count - 1}[reading]


@dataclass(frozen=True)
class PlateauRule:
    """The rule, proved; what it says for given errors; where each reading of a term's number lies on it."""

    title: str
    prose: tuple[str, ...]
    degrees: tuple[int, ...]
    errors: tuple[float, ...]
    term: int

    def run(self, settings: Settings) -> Finding:
        """Derive, evaluate."""
        (text,) = Derivations(self.title, (), (plateau_rule,)).run(settings).section.derivations
        tables = (self._bounds(), self._starts(), self._readings())
        return Finding(Section(self.title, self.prose, derivations=(text,), tables=tables))

    def _bounds(self) -> Table:
        error = self.errors[-1]
        rows = []
        for degree in self.degrees:
            low, high = distances(error, degree)
            rows.append((degree, closed_forms(TAYLOR, (degree,))[0], low, high, (high - low) / (2 * error)))
        columns = ("degree n", "$E_n$: sin to $T_n$", "least $D_n$", "largest $D_n$", "half the range over D")
        reach = "$(\\sqrt{D} \\pm \\sqrt{E_n})^2$"
        caption = f"For every network whose mean square distance D to sin is {error:.3g}: {reach}."
        return Table(BOUNDS, columns, tuple(rows), caption)

    def _starts(self) -> Table:
        columns = ("D", *(f"within {share:g}" for share in SHARES))
        rows = tuple((error, *(plateau_start(error, share) for share in SHARES)) for error in self.errors)
        caption = "The first degree from which on $D_n$ lies within that share of D, whatever the network."
        return Table(STARTS, columns, rows, caption)

    def _readings(self) -> Table:
        rows = []
        for reading in ("degree", "non-zero term", "coefficient, zeros counted"):
            degree = degree_of(reading, self.term)
            same_as = degree - 1 + degree % 2
            least, below = (room(self.errors[-1], n) for n in (same_as, same_as - 2))
            rows.append((reading, degree, same_as, least, below, degree_of(reading, 15)))
        columns = ("counted by", "degree", SAME, LEAST, BELOW, "degree at n = 15")
        caption = (
            f"Term {self.term}, read in three ways. The plateau begins there, at D = {self.errors[-1]:g}, if one calls "
            "flat what stays within a share of D between these two. The last column: how far the same count would go "
            "in a plot to n = 15."
        )
        return Table(READINGS, columns, tuple(rows), caption)
