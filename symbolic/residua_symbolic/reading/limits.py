"""How large an expression may be: what is typed stays far below each of these, what is meant to exhaust does not."""

MAX_LENGTH = 500  # characters
MAX_NODES = 200  # of the tree that is written, gelu and silu written out
MAX_DEPTH = 30  # nested parentheses, calls and right operands; sums and products may be as long as the nodes allow
MAX_DIGITS = 30  # of one number
MAX_BITS = 256  # of numerator or denominator of any number, written or computed
MAX_EXPONENT = 64  # size of the exponent of a power, and of the decimal exponent of a number
MAX_COMBINED_EXPONENT = MAX_EXPONENT**2  # of a power that SymPy makes of several: (x**64)**64
MAX_TREE = 20 * MAX_NODES  # nodes of SymPy's form: evaluation multiplies out numbers, seldom more

CPU_SECONDS = 2  # of the child, for one expression
WALL_SECONDS = 6.0  # of the parent's patience for one expression, on a machine that has other work
START_SECONDS = 60.0  # of its patience for the child to start: importing SymPy takes 0.5 s on an idle machine
MEMORY_BYTES = 2**30  # address space of the child; SymPy alone takes a tenth
