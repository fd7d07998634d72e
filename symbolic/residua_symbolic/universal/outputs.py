"""What one hidden layer gives at points, exactly for its float64 weights: the float nearest to each value."""

import flint
import numpy as np

from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.universal.units import Units


def outputs(units: Units, x: Floats) -> Floats:
    """At x of shape (points,) or (points, inputs), by the balls' own functions: they share nothing with `shapes`."""
    apply = balls.FUNCTIONS[units.activation]
    points = x.reshape(len(x), -1).tolist()
    slopes = [list(map(flint.arb, row)) for row in units.slopes.reshape(units.width, -1).tolist()]
    rest = list(zip(map(flint.arb, units.biases.tolist()), map(flint.arb, units.factors.tolist()), strict=True))
    found = []
    with balls.precision():
        for point in points:
            total = flint.arb(units.constant)
            for row, (b, v) in zip(slopes, rest, strict=True):
                z = b
                for w, at in zip(row, point, strict=True):
                    z += w * flint.arb(at)
                total += v * apply(z)
            found.append(float(total.mid()))
    return np.array(found)
