"""Document 004 on derivatives: the rules, backpropagation, forward and reverse mode, and what each of them costs."""

import math
from collections.abc import Sequence
from fractions import Fraction

from residua_bridge.claims import Evidence, claims_section
from residua_bridge.experiments.backward_work import ConstantSlopes, MatrixFlops, RepeatedWork
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.mode_costs import FORWARD, ModeLadder, OperationCounts
from residua_bridge.experiments.network_trace import DeltasAsAdjoints, NetworkTrace
from residua_bridge.experiments.symbolic_practice import SymbolicInPractice
from residua_bridge.experiments.trace_faults import TraceFaults
from residua_bridge.experiments.traced_example import REVERSE, VALUES, PrintedStep, TracedExample
from residua_bridge.findings import Section
from residua_bridge.study import By, Study
from residua_network import Operation
from residua_symbolic.backpropagation import delta_recursion, last_layer
from residua_symbolic.counterexamples import partial_derivatives
from residua_symbolic.double_backward import gauss_newton, slopes_held_constant
from residua_symbolic.path_counts import (
    backward_products,
    equal_widths,
    matrix_flops,
    paths,
    repeated_evaluations,
    reverse_cost,
    saved_evaluations,
)
from residua_symbolic.rules import RULES

DOCUMENT = "1/(exp(-(w*x+b))+1)"
SURVEY = "log(x1) + x1*x2 - sin(x2)"
AT = {"x1": 2.0, "x2": 5.0}
LINE = Fraction(math.log(2) / 2) * (1 + Fraction(1, 2**40))  # LINE · 2 is ln 2, but for one part in 2^40

RULES_TITLE = "The rules of differentiation"
BACKPROPAGATION = "Backpropagation, derived from the chain rule"
EXAMPLE = "The document's example: a logistic unit"
SURVEY_TITLE = "A second example: ln x₁ + x₁x₂ − sin x₂"
FAULTS = "Planted faults"
NETWORK_TITLE = "A trained network, scalar by scalar"
SPECIAL_CASE = "Backpropagation as reverse mode"
COST = "Why one reverse pass is enough: the count"
OPERATIONS = "Operations of a gradient"
LADDER = "Jacobians by both modes in torch"
FORWARDS = "Working forwards and working backwards"
FLOPS = "Flops of the backward pass"
SECOND = "Where a constant slope goes wrong"
PRACTICE = "What is held against symbolic differentiation"
CLAIMS_TITLE = "Where each claim is dealt with"

NAME = "autodiff"
AS_PRINTED, SAME = "As printed: 004, L163–169", "the same, to the digits printed"
CLAIMS = tuple(f"004-{n:03}" for n in (87, 88, 89, 90, 91, 92, 99, 100, 102, 103, 104, 105))
REMARKS = ("004-091", "004-092", "004-100", "004-104", "004-105")


def closing(sections: Sequence[Section]) -> tuple[Section, ...]:
    """The words for all claims."""
    prose = (
        "true, conditional, false or undecidable: each word is computed from the evidence named beside it, and is “not confirmed” "
        "where that is missing. Differentiability that a formula takes for granted is no condition.",
    )
    return (claims_section(CLAIMS_TITLE, prose, CLAIMS, NAME, sections),)


def conclusion(sections: Sequence[Section]) -> tuple[str, ...]:
    """Read off the sections: nothing here is a number that was typed in."""
    e = Evidence({NAME: sections})
    verdicts = [v for section in sections for v in section.verdicts]
    proofs = sum(len(step.proofs) for s in sections for d in s.derivations for step in d.steps)
    derivations = sum(len(s.derivations) for s in sections)
    printed = [value for source in (AS_PRINTED, "As printed: Baydin") for value in e.table(NAME, source).cells(SAME)]
    faults = e.table(NAME, "Planted faults").cells("verdict")
    words = e.table(NAME, "Claims").rows()
    said = {
        word: [str(row["claim"]) for row in words if row["word"] == word]
        for word in dict.fromkeys(row["word"] for row in words)
    }
    return (
        f"{sum(v.verdict == v.expected and v.explained for v in verdicts)} of {len(verdicts)} comparisons come out as expected, {proofs} proofs in {derivations} derivations hold, and "
        f"{printed.count('yes')} of {len(printed)} numbers and formulas printed in 004 (L163–169) and in the survey are ours to the digits printed. "
        f"{faults.count('differ')} of {len(faults)} planted faults are seen.",
        " ".join(f"{str(word).capitalize()}: {', '.join(names)}." for word, names in said.items())
        + f" What each word rests on is told in the section “{CLAIMS_TITLE}”; those with something to be added follow.",
        *(
            f"{row['claim']} ({row['word']}), {row['statement']}: {row['condition, correction or remark']}."
            for row in words
            if row["claim"] in REMARKS
        ),
        f"Forward mode is the cheaper one, by flops, where the outputs outnumber the inputs by more than about {FORWARD} to 1.",
    )


STUDY = Study(
    name=NAME,
    title="Derivatives by forward and by reverse mode: document 004",
    question=(
        "Is what document 004 says of the chain rule, of backpropagation and of automatic differentiation right, down to the "
        "numbers that it prints, and when is which mode the cheaper one?"
    ),
    claim=(
        "004 (L37–79): the chain rule and the recursion $\\frac{\\partial C}{\\partial z} = \\sigma'(z) \\sum_k w_k "
        "\\frac{\\partial C}{\\partial z_k'}$, in which $\\sigma'(z)$ is a constant. (L144–176): "
        "$f(x; w, b) = \\frac{1}{\\exp(-(wx+b))+1}$ consists of six elementary functions; forward mode gives 0.25 for $\\partial f/\\partial w$; "
        "backpropagation is a special case of reverse mode, of which one pass gives all derivatives of a scalar."
    ),
    refuted_by=(
        "A step of a derivation that fails one of its proofs, a printed number that is not ours to its digits, or a node whose value or "
        "derivative in torch differs by more than rounding refutes a claim or us. A count that is not the predicted whole number refutes us."
    ),
    experiments=(
        Derivations(
            RULES_TITLE,
            (
                "A function is differentiable at x if $f(x+h) = f(x) + (f'(x) + r(h))\\,h$ with r(h) tending to 0 = r(0). Each rule is "
                "what remains of such forms put into each other; that is algebra, and each step of it is checked as an identity of "
                "polynomials and again on polynomials with free coefficients. The last one shows that the chain rule of several variables needs more "
                "than partial derivatives.",
            ),
            (*RULES.values(), partial_derivatives),
        ),
        Derivations(
            BACKPROPAGATION,
            (
                "One layer of any size, followed by anything: what is found for its δ, the derivative of the cost by z, holds at every layer of "
                "a network of any depth. The proofs are by implicit differentiation in exact fractions at given sizes, and by SymPy's sums for all sizes.",
            ),
            (last_layer, delta_recursion),
        ),
        TracedExample(
            "trace-logistic",
            EXAMPLE,
            (
                "The text of 004 is taken as it is written: every sign is one operation. d marks a derivative along the whole graph, ∂ that of "
                "one operation by one of its arguments. Each row of a table says the same three times: in names, with the local derivative put in, and in "
                "numbers. Local derivatives come from one table of partial derivatives, from which both modes are computed. "
                "004's table of the six functions and the values at the point are pictures, which are not read here; compared is what "
                "its text prints.",
            ),
            DOCUMENT,
            {"x": 1, "w": 0, "b": 0},
            "h",
            "004, L163–169",
            steps=(
                PrintedStep("L163", "h1", (), "1", "x"),
                PrintedStep("L164", "h2", ("1", "1"), "1"),
                PrintedStep("L165", "h3", ("-1", "1"), "-1"),
                PrintedStep("L166", "h4", ("1", "-1"), "-1", "exp(h3)"),
                PrintedStep("L167", "h5", ("1", "-1"), "-1"),
                PrintedStep("L168", "h6", ("-0.25", "-1"), "0.25"),
                PrintedStep("L169", "", ("1", "0.25"), "0.25"),
            ),
            by="w",
        ),
        TracedExample(
            "trace-survey",
            SURVEY_TITLE,
            (
                "The example of Baydin, Pearlmutter, Radul and Siskind, Automatic differentiation in machine learning: a survey "
                "(arXiv:1502.05767), tables 2 and 3. x₂ is used twice, so that its adjoint is a sum. Their $v_3$ and $v_4$ are ours "
                "exchanged, since the text is read from the left.",
            ),
            SURVEY,
            AT,
            "v",
            "Baydin et al., tables 2 and 3",
            {
                VALUES: {"v1": "0.693", "v2": "10", "v3": "10.693", "v4": "-0.959", "v5": "11.652"},
                "x1": {"v1": "0.5", "v2": "5", "v3": "5.5", "v4": "0", "v5": "5.5"},
                REVERSE: {"v5": "1", "v4": "-1", "v3": "1", "v2": "1", "v1": "1", "x2": "1.716", "x1": "5.5"},
            },
        ),
        TraceFaults(
            FAULTS,
            (
                "A comparison is worth what it finds. torch is given the second example with one operation altered; the first fault leaves every value as it "
                "is and takes a factor for a constant, as a forgotten gradient does.",
            ),
            SURVEY,
            AT,
            {
                "x₂ taken for a constant in the product": Operation("v2", "mul", ("x1", Fraction(5))),
                "cosine for sine": Operation("v4", "cos", ("x2",)),
                "plus for minus": Operation("v5", "add", ("v3", "v4")),
                "a line for the logarithm, right here but for one part in 2⁴⁰": Operation("v1", "mul", ("x1", LINE)),
            },
        ),
        NetworkTrace(
            "trace-network",
            NETWORK_TITLE,
            (
                "Two inputs, three hidden units, two outputs, sigmoids, trained to tell two half moons apart (scikit-learn, 200 points, seed 0). "
                "$W^l_{i,j}$ is the entry i, j of layer l's weights, counted from 0 as in the description of the network.",
            ),
        ),
        DeltasAsAdjoints(
            SPECIAL_CASE,
            (
                "In the trace the node at which a bias is added is the z of a unit, and its adjoint is $\\partial C/\\partial z$. The recursion of 004 is "
                "carried out beside the reverse sweep, for networks of several shapes and activations: first over nodes of one expression graph, then in numbers.",
            ),
        ),
        Derivations(
            COST,
            (
                "Every operation has one or two arguments. The reverse sweep adds, for each, its local derivative, a product and a sum, whatever the number of "
                "inputs: the whole gradient costs a fixed multiple of the function. Forward mode pays that for every input. How large the multiple is depends on "
                "what counts as one operation and on what its derivative costs: c of them, below.",
            ),
            (reverse_cost,),
        ),
        OperationCounts(
            OPERATIONS,
            (
                "Counted on the expression graph, in which common subexpressions are there once, for three families of scalar functions of n inputs, and for "
                "chains of one kind of operation, where nothing dilutes what its derivative costs. A quotient and a power count as one operation here.",
            ),
            By((1, 2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32, 64, 128)),
        ),
        ModeLadder(
            LADDER,
            (
                "n inputs, m outputs, one hidden layer: the whole Jacobian by n forward passes, and by m reverse passes.",
            ),
            By((1, 4, 16, 64), (1, 2, 4, 8, 16, 32, 64)),
        ),
        Derivations(
            f"{FORWARDS}: the counts",
            (
                "To have ∂C/∂z of a first unit by the chain rule, 004 needs those of the next layer, for each of these those of the layer after, and so on. "
                "Whoever computes each anew where it is asked for visits every path to the outputs; whoever begins at the outputs has each at hand.",
            ),
            (paths, repeated_evaluations, backward_products, saved_evaluations, equal_widths),
        ),
        RepeatedWork(
            "repeated-work",
            FORWARDS,
            (
                "Networks with random whole weights, squares as activations and half the sum of squared outputs as cost, so that every derivative is an exact fraction.",
            ),
            ((2, 2, 2, 2), (2, 3, 2), (3, 1, 1, 2), (3, 5, 4, 2), (4, 6, 6, 6, 6, 3)),
            3,
            By((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
        ),
        Derivations(f"{FLOPS}: the count", ("Matrix products alone.",), (matrix_flops,)),
        MatrixFlops(
            FLOPS,
            ("torch's own counter, one pass forward and one back to all parameters, none to the input.",),
            ((4, 8, 3), (2, 3, 2), (10, 10), (10, 10, 10, 10), (784, 128, 10), (64, 32, 32, 32, 10), (3, 100, 1)),
        ),
        Derivations(
            f"{SECOND}: what is dropped",
            (
                "In the backward pass σ′(z) is a number: z is known from the forward pass. Differentiating that pass again asks how the number changes.",
            ),
            (slopes_held_constant, gauss_newton),
        ),
        ConstantSlopes(
            SECOND,
            ("The trained 2-3-2 network: second derivatives of its outputs by its inputs.",),
        ),
        SymbolicInPractice(
            "loop-times",
            PRACTICE,
            (
                "004 names three shortcomings: compiling takes long, loops in particular; expressions need a language of their own; programs are hard to "
                "debug. The first can be timed. The others cannot be measured, but what each side says of a branch and of an undefined point can be shown.",
            ),
            By((2, 3, 4, 5, 6, 7), (2, 3, 4, 5, 6, 7, 8, 9, 10)),
        ),
    ),
    conclusion=conclusion,
    closing=closing,
)
