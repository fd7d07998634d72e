"""The number systems over which a forward map is run; one file each, each with its own table of elementary functions.

A forward map is written as `forward(o, x, ...)` with arithmetic and the verbs of the domain `o`: `mean` and `sum` over
an axis, `contract` with a weight, `sqrt`, `function` by name, and `let(name, value)`.
"""
