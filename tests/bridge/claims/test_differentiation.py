"""Contrary evidence for every claim of document 004 on derivatives."""

from .planting import Case, Plant, bare, cell, turned, unproved, verdict

AUTODIFF, QUOTIENTS, SWELL = "autodiff", "finite-differences", "swell"
RECURSION = "δ by the recursion, adjoints of the trace, and torch's gradients"
THROUGH = "Backpropagation through a layer"
TRACE, SURVEY = "Trace of 1/(exp(-(w*x+b))+1)", "Trace of log(x1) + x1*x2 - sin(x2)"
RMS = "Predicted rms errors of forward, backward, central and Richardson quotients"
CHECKS = "What the computed tolerance lets pass and what it catches"
ERRORS, WORK, LOOP = "What the errors are made of", "Work in three ways", "The derivative of a loop"
LOGISTIC = {"map": "logistic map", "count": "graph"}

WORDS = {
    **{f"004-{n:03}": "true" for n in (87, 88, 89, 90, 91, 93, 95, 96, 98, 99, 102, 103, 104, 105)},
    **{f"004-{n:03}": "conditional" for n in (92, 94, 97, 100, 101)},
}
TURNED: dict[str, tuple[Plant, str]] = {
    "004-087": (verdict(AUTODIFF, "Trace of", "differ"), "false"),
    "004-088": (verdict(QUOTIENTS, "The symbolic gradient of the trained network is autograd's", "differ"), "false"),
    "004-089": (verdict(AUTODIFF, RECURSION, "differ"), "false"),
    "004-090": (verdict(AUTODIFF, RECURSION, "differ"), "false"),
    "004-091": (verdict(AUTODIFF, RECURSION, "differ"), "false"),
    "004-092": (cell(AUTODIFF, WORK, "products anew", 1), "false"),
    "004-093": (verdict(QUOTIENTS, RMS, "differ"), "false"),
    "004-094": (verdict(QUOTIENTS, CHECKS, "differ"), "true"),
    "004-095": (cell(QUOTIENTS, ERRORS, "truncation", 0.06, quotient="forward", h=0.1), "false"),
    "004-096": (cell(QUOTIENTS, ERRORS, "truncation", 0.1, quotient="central", h=0.001), "false"),
    "004-097": (cell(QUOTIENTS, ERRORS, "truncation", 0.1, quotient="central", h=0.001), "false"),
    "004-098": (verdict(QUOTIENTS, "004's nine numbers", "differ"), "false"),
    "004-099": (verdict(AUTODIFF, SURVEY, "differ"), "false"),
    "004-100": (cell(AUTODIFF, LOOP, "graph, ms", 1e9, passes=7), "true"),
    "004-101": (cell(SWELL, "Level", "graph", "2634713868402797051906", **LOGISTIC), "true"),
    "004-102": (cell(AUTODIFF, "The elementary functions", "node", "$v_7$", node="$h_{6}$"), "false"),
    "004-103": (cell(AUTODIFF, "As printed: 004", "the same, to the digits printed", "no", node="h3"), "false"),
    "004-104": (cell(AUTODIFF, "Networks in which the recursion", "identical", 21, widths="2-3-2"), "false"),
    "004-105": (cell(AUTODIFF, "Operations of chains", "reverse / function", 9.5, operation="sin"), "false"),
}
UNPROVED = {
    "004-087": unproved(AUTODIFF, "Chain rule", "rule"),
    "004-088": unproved(AUTODIFF, "Linearity", "rule"),
    "004-089": unproved(AUTODIFF, THROUGH, "d z by W"),
    "004-090": unproved(AUTODIFF, THROUGH, "d C by z"),
    "004-091": unproved(AUTODIFF, "What φ' held constant drops from a second derivative"),
    "004-092": verdict(AUTODIFF, "Evaluations, paths and multiplications", "differ"),
    "004-093": unproved(QUOTIENTS, "Best step of the forward quotient"),
    "004-094": verdict(QUOTIENTS, CHECKS, "agree", explained=False),
    "004-095": unproved(QUOTIENTS, "Truncation of the forward quotient, in every order"),
    "004-096": unproved(QUOTIENTS, "Limit of the central quotient", "limit"),
    "004-097": unproved(QUOTIENTS, "A step at which the forward quotient is better"),
    "004-099": unproved(AUTODIFF, "Product rule", "rule"),
    "004-101": unproved(SWELL, "Growth of the logistic map: programs and graph form"),
    "004-102": verdict(AUTODIFF, TRACE, "differ"),
    "004-103": verdict(AUTODIFF, TRACE, "differ"),
    "004-104": verdict(AUTODIFF, "δ by the recursion", "differ"),
    "004-105": unproved(AUTODIFF, "Cost of one reverse pass", "bound"),
}
KEPT = {
    "a way from the front that keeps nothing": (
        "004-092",
        cell(AUTODIFF, WORK, "products kept", 10**6),
        "not confirmed",
    ),
    "quotients as good as a reverse pass": (
        "004-094",
        cell(QUOTIENTS, "The gradient by every route", "relative distance", 0.5, route="reverse mode"),
        "false",
    ),
    "no proof of the order of the errors": (
        "004-097",
        unproved(QUOTIENTS, "Central against forward error"),
        "false",
    ),
    "a torch that refuses a branch": (
        "004-100",
        cell(AUTODIFF, "A language of its own", "what comes out", "refused: no", **{"with": "torch"}),
        "false",
    ),
    "a tree that is small": ("004-101", cell(SWELL, "Level", "SymPy", "9", map="logistic map", count="tree"), "false"),
    "passes that grow with the inputs": (
        "004-105",
        verdict(AUTODIFF, "Passes: one an input in forward mode, one an output", "differ"),
        "false",
    ),
}


CASES: list[Case] = [*turned(TURNED), *KEPT.values(), *bare(UNPROVED)]
