"""Document 004 on symbolic differentiation: expression swell, what swells, what does not, and why."""

from collections.abc import Sequence

import sympy as sp

from residua_bridge.claims import claims_section
from residua_bridge.experiments.swell.laws import Map, SwellLaws
from residua_bridge.experiments.swell.networks import NetworkSwell
from residua_bridge.experiments.swell.table import SwellTable
from residua_bridge.experiments.swell.times import SwellTimes
from residua_bridge.experiments.swell.trained import TrainedSwell
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_symbolic.functions import sigmoid

X = sp.Symbol("x", real=True)
MAPS = (
    Map("logistic map", "logistic", 4 * X * (1 - X)),
    Map("tanh chain", "tanh", sp.tanh(X)),
    Map("sigmoid chain", "sigmoid", sigmoid(X)),
    Map("sigmoid chain, written out", "sigmoid-written-out", 1 / (1 + sp.exp(-X))),
)

NAME = "swell"
CLAIMS = ("004-101",)


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The line of 004 that is decided here."""
    prose = ("Each word is computed from the tables, verdicts and proofs above.",)
    return (claims_section("What document 004 says", prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the tables: nothing here is a number that was typed in."""
    tables = {table.title: table for section in sections for table in section.tables}
    laws = {(row[0], row[1]): row[2] for row in tables["Laws of growth"].rows}  # of SymPy's form
    deepest = next(table for title, table in tables.items() if title.endswith(", exactly"))
    last = {(row[0], row[1]): row[2] for row in deepest.rows}
    networks = {(row[0], row[1]): row[2] for row in tables["Laws in depth and width"].rows}
    sizes = {str(row[0]): row[1] for row in tables["One derivative, as tree and as graph"].rows}
    verdicts = [v for section in sections for v in section.verdicts]
    agreed = sum(v.verdict == "agree" for v in verdicts)
    level = deepest.title.removesuffix(", exactly").lower()
    return (
        "Symbolic derivatives do swell where the expression is written out as a tree, and do not where what "
        f"is equal is kept once. Written out, SymPy's derivative of level n of the logistic map has {laws['logistic map', 'tree']} nodes: at {level} "
        f"{last['logistic map', 'tree']}.",
        "What swells is the tree and not the derivative. As a graph, in which equal subexpressions are there once, the same "
        f"expression has {last['logistic map', 'graph']} nodes at {level}, and the program for value and derivative "
        f"{last['logistic map', 'forward mode']} operations ({laws['logistic map', 'forward mode']}), by forward and by reverse mode alike.",
        "It takes a repeated argument for a tree to grow exponentially. The logistic map has its argument twice, so each "
        "level doubles the tree of the value already. A chain of tanh has it once: its derivative has "
        f"{laws['tanh chain', 'tree']} nodes. A layer of width w has every argument w times, hence the $w^L$: {networks['SymPy', 'tree']} nodes "
        f"for a plain network, against {networks['SymPy', 'graph']} different subexpressions.",
        "Multiplying out makes the tree smaller and still doubles it with every level, since the polynomial has degree $2^{n-1}-1$; cse, which finds again what was shared, does: "
        f"{laws['logistic map', 'operations after cse']} operations. A program that never forgets what it shared need not look for it.",
        f"The derivative of the trained network has {sizes['tree of what SymPy writes, nodes']} nodes as a tree and "
        f"{sizes['different subexpressions in it']} different ones; evaluated on the graph it is what torch's autograd gives, "
        "within rounding.",
        f"Of {len(verdicts)} verdicts {agreed} are 'agree'. All formulas are verified in the integers over the ranges stated, "
        "at sizes that did not go into them. For iterated maps those of the graph form and of the programs are proved for "
        "every level, by induction; those of SymPy's form, and those of networks, are not.",
    )


STUDY = Study(
    name=NAME,
    title="Expression swell: what grows when one differentiates, and what does not",
    question=(
        "Document 004 says that symbolic differentiation suffers from expression swell, and shows the logistic map. "
        "How fast do which expressions grow, in which form, and does anything have to?"
    ),
    claim=(
        "004-101: symbolic differentiation suffers from expression swell. "
        "Baydin et al. (arXiv:1502.05767), Table 1: iterates of $4 l (1 - l)$ and their derivatives."
    ),
    refuted_by=(
        "The claim is refuted for a form whose size, counted exactly, grows no faster than the program that computes the "
        "value. A law of ours is refuted by a single count that it misses: counts are whole numbers and have no error bars."
    ),
    experiments=(
        SwellTable(
            "The table of Baydin et al.",
            (
                "Iterates of the logistic map, factored; their derivatives by the product rule, nothing put together; and "
                "multiplied out, with the common factor in front. All three columns are derived here, proved from the "
                "iteration, and compared with the printed ones: the first two as polynomials, the last number by number.",
            ),
            forms_to=7,
        ),
        SwellLaws(
            "Growth of iterated maps",
            (
                "$l_1 = x$, $l_{n+1} = f(l_n)$, and the derivative of $l_n$ by x. A tree's nodes, operations and characters are "
                "added up over its different subexpressions, so that they are exact where the tree would fit nowhere; for "
                "small n they are what SymPy itself says. A linear recurrence is read off the first levels and solved; it is "
                "accepted where enough further levels obey it, and judged by later levels, which it was not learnt from. "
                "A count without a law would be inconclusive.",
                "The two forms differ. SymPy flattens nested products and sums, which makes its tree wider and its graph "
                "quadratic where ours is linear: a flattened product cannot share its beginning with the next one.",
            ),
            maps=MAPS,
            levels=By(60, 64),
        ),
        NetworkSwell(
            "Growth with depth and width",
            (
                "L hidden layers of width w with tanh, as many inputs, one output. Every neuron reads all of the layer below, so "
                "that the tree has a factor w for each layer. Graph and programs are polynomials in L and w: the number of "
                "weights, and a little for each neuron.",
            ),
            beyond=((6, 3), (7, 2), (2, 7), (3, 7)),
        ),
        SwellTimes(
            "How long it takes",
            (
                "sympy.diff remembers subexpressions, but only the last thousand, so that the tree catches up with it. The "
                "same rules applied once to each different subexpression give the same expression. Our graph has neither "
                "flattening nor sorting to do.",
            ),
            levels=By((4, 6, 8, 10, 12, 20, 40), (4, 6, 8, 10, 12, 14, 20, 40, 60, 80)),
            sympy_to=12,
        ),
        TrainedSwell(
            "The derivative of a trained network",
            (
                "A network trained on $\\sin(x_1)\\, x_2$; its derivative by the inputs, symbolic in all weights, evaluated at "
                "the trained ones in float64 and in balls that enclose the exact value, and by torch's autograd.",
            ),
            steps=By(400, 2000),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
