"""What autobound bounds of a sigmoid net, in an environment of its own: weights in, bound and seconds out, as JSON."""

import json
import sys
import time
from typing import Any

import autobound.jax as ab
import jax
import jax.numpy as jnp

CALLS = 5


def main() -> None:
    """f − T_n on [−radius, radius], where autobound knows f − T_n ∈ [a, b] x^(n + 1)."""
    given = json.load(sys.stdin)
    jax.config.update("jax_enable_x64", True)
    (first, start), *middle, (last, end) = [(jnp.array(w), jnp.array(b)) for w, b in given["layers"]]
    column, row, constant = first[:, 0], last[0], end[0]  # here: autobound knows no slices
    order, radius = given["order"], given["radius"]

    def net(x: Any) -> Any:
        h = jax.nn.sigmoid(column * x + start)
        for weight, bias in middle:
            h = jax.nn.sigmoid(weight @ h + bias)
        return row @ h + constant

    bounds = ab.taylor_bounds(net, order + 1)
    seconds = []
    for _ in range(CALLS):
        begin = time.process_time()
        interval = bounds(0.0, (-radius, radius)).coefficients[-1]
        seconds.append(time.process_time() - begin)
    bound = max(abs(float(side)) for side in interval) * radius ** (order + 1)
    json.dump({"bound": bound, "seconds": min(seconds)}, sys.stdout)


if __name__ == "__main__":
    main()
