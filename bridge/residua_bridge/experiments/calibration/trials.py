"""Verdicts on trial: true laws and planted wrong ones, each met by fresh ensembles.

Trials are numbered. The first `TRUE_COUNT` are repetitions of the true laws, the others of the wrong ones, in turn; the
number gives the seed, so that each can be repeated alone, and a long run goes on where it stopped. How likely a wrong
law is to be caught is computed before its trial, from how far off it is and from the bar that the budget allots.
"""

import json
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path

from scipy.stats import binomtest, norm

from residua_bridge.budgets.decision import DECIDING, bars_needed
from residua_bridge.budgets.estimate import estimate
from residua_bridge.budgets.user_law import LETTERS, Asked, asked, met, read_formula
from residua_bridge.experiments.calibration.laws import TRUE_LAWS, WRONG_LAWS, Formula, Question, WrongLaw
from residua_bridge.experiments.digests import digest
from residua_bridge.verdict import Verdict

FULL_RUN = Path(__file__).with_suffix(".json")
TRUE_COUNT, WRONG_COUNT = 200, 60
FULL_COUNT = TRUE_COUNT + WRONG_COUNT
CHUNK = 10  # trials between two entries of the log
SEED = 10_000  # of trial 0
PILOT_SEED = 9_000  # of what is known of a wrong law before its trials
PILOT = 20_000  # networks, where no formula for the truth is known: its standard error is about that of a trial
SECONDS = 120.0  # nominal, far more than a trial takes: what ends it is the number of looks
FAR = 4.0  # standard errors, at the allotted budget, from which on a wrong law has to be caught
LEAST_AGREE, MOST_DIFFER, LEAST_CAUGHT = 0.90, 0.05, 0.95
CAUGHT = (Verdict.DIFFER, Verdict.ONLY_AT_THIS_SCALE)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trial:
    """What came of one. `fault` is empty for a true law; `expected_off`, `power`: how many standard errors off the law
    is at the allotted budget, and how likely that is to be caught; `off`: how many it was at the end."""

    number: int
    law: str
    fault: str
    verdict: str
    off: float
    expected_off: float
    power: float
    repetitions: str
    seconds: float


def trial(number: int, first: int = SEED) -> Trial:
    """Trial `number`; other seeds begin at another `first`."""
    start = time.process_time()
    if number < TRUE_COUNT:
        true = TRUE_LAWS[number % len(TRUE_LAWS)]
        name, fault, formula, question, plan = true.name, "", true.formula, true.question, Plan(0.0, 0.0)
    else:
        wrong = WRONG_LAWS[(number - TRUE_COUNT) % len(WRONG_LAWS)]
        name, fault, formula, question = wrong.words, wrong.fault, wrong.formula, wrong.question
        plan = planned((number - TRUE_COUNT) % len(WRONG_LAWS))
    found = met(_asked(formula, question, first + number))
    assert found.budget is not None, "a judged law has a budget"
    off = max(map(abs, found.budget.standard_errors))
    seconds = round(time.process_time() - start, 2)
    repetitions = str(found.scope["repetitions"])
    return Trial(number, name, fault, str(found.verdict), off, plan.off, plan.power, repetitions, seconds)


def _asked(formula: Formula, q: Question, seed: int) -> Asked:
    """Without a clock, so that a trial is the same on every machine."""
    question = asked(
        formula,
        q.of,
        network=q.network,
        at=q.at,
        ladder=q.ladder,
        limits=q.limits,
        init=q.init,
        seconds=SECONDS,
        resolution=q.resolution,
        repetitions=64,
        seed=seed,
    )
    return replace(question, ladder=replace(question.ladder, clock=None))


@dataclass(frozen=True)
class Plan:
    """How many standard errors off at the allotted bar, and the probability that this is caught."""

    off: float
    power: float


@cache
def planned(wrong: int) -> Plan:
    """Of a wrong law by its place, before any of its trials."""
    law = WRONG_LAWS[wrong]
    question = _asked(law.formula, law.question, PILOT_SEED + wrong)
    heads = question.heads()
    truth = _true_values(law, question, heads)
    offsets = [
        abs(question.law.value(sizes) - value) / question.law.unit(sizes)
        for sizes, value in zip(heads, truth, strict=True)
    ]
    off = max(offsets) / (law.question.resolution / bars_needed(len(heads)))
    return Plan(off, power(off, len(heads)))


def power(off: float, count: int) -> float:
    """The probability that one of `count` numbers, so many standard errors off, is caught at the deciding look."""
    tails = 2 if count == 1 else 4 * count  # as `decision.probability` counts them
    beyond = norm.isf(DECIDING / tails)
    return float(norm.sf(beyond - off) + norm.cdf(-beyond - off))


def _true_values(law: WrongLaw, question: Asked, heads: Sequence[Mapping[str, float]]) -> list[float]:
    """By the formula that holds, or from many networks at those sizes."""
    if law.truth is not None:
        formula, state = read_formula(law.truth), float(question.source.state)
        return [formula.value({**{LETTERS[name]: size for name, size in sizes.items()}, "l": state}) for sizes in heads]
    drawn = [question.source.draw(sizes, PILOT, block) for block, sizes in enumerate(heads)]
    return [estimate(data, question.quantity.statistic).value for data in drawn]


# what came of many


@dataclass(frozen=True)
class Share:
    """So many of so many, with the exact binomial interval (Clopper, Pearson, Biometrika 26, 1934)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; NaN of none."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """That holds the probability in 95 % of cases."""
        if not self.of:
            return 0.0, 1.0
        found = binomtest(self.count, self.of).proportion_ci(CONFIDENCE, method="exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.count} of {self.of} ({self.value:.1%}; {low:.1%} to {high:.1%})" if self.of else "none"


@dataclass(frozen=True)
class Gate:
    """What is asked of the verdicts, what was found, and whether that is it."""

    asked: str
    found: Share
    passed: bool


def gates(trials: Sequence[Trial]) -> tuple[Gate, ...]:
    """The rule passes if all of these do; NaN, of no trials, does not."""
    true = [t for t in trials if not t.fault]
    far = [t for t in trials if t.fault and t.expected_off > FAR]
    agree, differ = (Share(sum(t.verdict == word for t in true), len(true)) for word in (Verdict.AGREE, Verdict.DIFFER))
    caught = Share(sum(t.verdict in CAUGHT for t in far), len(far))
    missed = Share(sum(t.verdict == Verdict.AGREE for t in far), len(far))
    return (
        Gate(f"true laws that agree: at least {LEAST_AGREE:.0%}", agree, agree.value >= LEAST_AGREE),
        Gate(
            f"true laws that differ: at most {MOST_DIFFER:.0%}, to binomial error",
            differ,
            bool(differ.of) and differ.interval[0] <= MOST_DIFFER,
        ),
        Gate(
            f"wrong laws more than {FAR:g} standard errors off that are caught: at least {LEAST_CAUGHT:.0%}",
            caught,
            caught.value >= LEAST_CAUGHT,
        ),
        Gate("wrong laws as far off that agree: none", missed, bool(missed.of) and missed.count == 0),
    )


def sources() -> str:
    """A digest of the statements that draw, judge and count: whether a run was made with this code."""
    from residua_bridge import budgets
    from residua_bridge.experiments.calibration import laws as calibration_laws
    from residua_numeric import initial

    folder = Path(str(budgets.__file__)).parent
    names = ("budget", "decision", "estimate", "extrapolation", "judge", "law", "quantities", "sampling", "user_law")
    return digest(
        [*(folder / f"{name}.py" for name in names), *(Path(str(m.__file__)) for m in (calibration_laws, initial))]
    )


def full_run(log: Path, count: int = FULL_COUNT, out: Path = FULL_RUN, processes: int = 1) -> list[Trial]:
    """Trials 0 to `count` − 1, chunk by chunk into `log`, from which it goes on if it was stopped; then all of them
    into `out`, with date and versions. Each chunk is shared by the processes."""
    done: list[Trial] = []
    code, start = sources(), time.perf_counter()
    if log.exists():
        records = [json.loads(line) for line in log.read_text().splitlines()]
        done = [Trial(**t) for record in records if record["sources"] == code for t in record["trials"]]
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(processes)) if processes > 1 else None
        while len(done) < count:
            numbers = range(len(done), min(count, len(done) + CHUNK))
            chunk = list(pool.map(trial, numbers) if pool else map(trial, numbers))
            done += chunk
            with log.open("a") as file:
                file.write(json.dumps({"sources": code, "trials": [asdict(t) for t in chunk]}) + "\n")
            words = ", ".join(f"{word} {n}" for word, n in Counter(t.verdict for t in done).most_common())
            print(f"{len(done)} of {count}: {words}; {time.perf_counter() - start:.0f} s", flush=True)
    versions = {name: version(name) for name in ("torch", "numpy", "scipy")}
    record = {"date": date.today().isoformat(), "sources": code, "python": platform.python_version(), **versions}
    out.write_text(json.dumps({**record, "trials": [asdict(t) for t in done]}, indent=1, allow_nan=False) + "\n")
    return done


if __name__ == "__main__":
    full_run(Path(sys.argv[1]), processes=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
