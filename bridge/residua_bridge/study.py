"""A study: a question, a claim, and experiments that answer it. How it is run, and what comes out.

Studies are data (`studies/`), experiments know how to compute one kind of section (`experiments/`), and this module
runs the one with the other.
"""

import importlib
import pkgutil
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from residua_bridge.claims.ruling import DECIDED
from residua_bridge.findings import Findings, Section
from residua_bridge.verdict import Discrepancy
from residua_network import Network, ResiduaError
from residua_network.checks import unknown
from residua_numeric.state import on_threads

PROFILES = ("quick", "full")
T = TypeVar("T")


@dataclass(frozen=True)
class By:
    """A setting that depends on the profile."""

    quick: Any
    full: Any

    def of(self, profile: str) -> Any:
        """The value for a profile."""
        return getattr(self, profile)


@dataclass(frozen=True)
class Labelled:
    """A network of a study and how it is called; made when it is run, so that naming a study builds nothing."""

    label: str
    network: Callable[[], Network]


class Track(Protocol):
    """How progress is shown: passes the items on."""

    def __call__(self, items: Sequence[T], label: str) -> Iterable[T]: ...


def silent(items: Sequence[T], label: str) -> Iterator[T]:
    """No progress."""
    yield from items


@dataclass(frozen=True)
class Settings:
    """How a study is run."""

    profile: str = "quick"
    track: Track = silent


@dataclass(frozen=True)
class Finding:
    """What an experiment contributes: a section of the report, and the comparisons behind it."""

    section: Section
    discrepancies: tuple[Discrepancy, ...] = ()


class Experiment(Protocol):
    """One kind of section, computed."""

    def run(self, settings: Settings) -> Finding:
        """Compute it."""


@dataclass(frozen=True, repr=False)
class Study:
    """A question and a claim, the experiments, what would refute the claim; `conclusion` is drawn from what they find.

    `closing` maps the sections of all experiments to further ones, and `conclusion` all of these to paragraphs, so that
    no result is written before it is obtained.
    """

    name: str
    title: str
    question: str
    claim: str
    refuted_by: str
    experiments: tuple[Experiment, ...]
    conclusion: Callable[[Sequence[Section]], tuple[str, ...]] = field(default=lambda sections: ())
    closing: Callable[[Sequence[Section]], tuple[Section, ...]] = field(default=lambda sections: ())

    def __repr__(self) -> str:
        return f"<study {self.name!r}: {self.title}>"


@dataclass(frozen=True)
class Outcome:
    """What a study found: the report's data, and the comparisons."""

    findings: Findings
    discrepancies: tuple[Discrepancy, ...]

    @property
    def as_expected(self) -> bool:
        """Whether every verdict that a study expects came out, and every claim of a ledger was decided."""
        verdicts = all(v.expected in ("", v.verdict) and v.explained for v in self.findings.verdicts)
        return verdicts and all(entry.word in DECIDED for entry in self.findings.entries)


@cache
def studies() -> dict[str, Study]:
    """Every study by name; one file each in `studies/`, found by scanning."""
    from residua_bridge import studies as folder

    found = {}
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda m: m.name):
        study = importlib.import_module(f"{folder.__name__}.{module.name}").STUDY
        found[study.name] = study
    return found


def study_named(name: str) -> Study:
    """The study of this name. Raises ResiduaError that suggests the nearest."""
    if name not in studies():
        raise ResiduaError(unknown("study", name, studies()))
    return studies()[name]


def studies_named(names: Sequence[str]) -> dict[str, Study]:
    """These studies by name. Raises ResiduaError as `study_named`."""
    return {name: study_named(name) for name in names}


def run(study: Study | str, profile: str = "quick") -> list[Discrepancy]:
    """Run a study, given itself or by name: its comparisons. Raises ResiduaError for an unknown name or profile."""
    return list(carry_out(study_named(study) if isinstance(study, str) else study, Settings(profile)).discrepancies)


def carry_out(study: Study, settings: Settings) -> Outcome:
    """Run every experiment of a study and put the findings together."""
    if not isinstance(study, Study):
        raise ResiduaError(f"run expects a study or its name, got {type(study).__name__}")
    if settings.profile not in PROFILES:
        raise ResiduaError(unknown("profile", settings.profile, PROFILES))
    return concluded(study, [carry_out_one(experiment, settings) for experiment in study.experiments], settings.profile)


def carry_out_one(experiment: Experiment, settings: Settings) -> Finding:
    """Run an experiment on one thread."""
    with on_threads(1), threadpool_limits(1):  # small matrices: more threads only wait for each other
        return experiment.run(settings)


def concluded(study: Study, found: Sequence[Finding], profile: str) -> Outcome:
    """What the study's experiments found, in their order, put together."""
    sections = tuple(finding.section for finding in found)
    sections = (*sections, *study.closing(sections))
    findings = Findings(
        study=study.name,
        title=study.title,
        question=study.question,
        claim=study.claim,
        refuted_by=study.refuted_by,
        sections=sections,
        conclusion=study.conclusion(sections),
        provenance=_provenance(profile),
    )
    return Outcome(findings, tuple(d for finding in found for d in finding.discrepancies))


def _provenance(profile: str) -> dict[str, str]:
    packages = ("residua", "sympy", "python-flint", "numpy", "scipy", "torch", "scikit-learn")
    versions = {name: version(name) for name in packages}
    return {
        "profile": profile,
        "seeds": "0, 1, 2, … in every experiment, through numpy.random.default_rng and torch.Generator",
        "dtype": "float64 on both sides, unless a table says otherwise",
        "threads": "one, in training and in all matrix products",
        "python": platform.python_version(),
        **versions,
    }
