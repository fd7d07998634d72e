"""The block of the README that residua writes: between two markers, from the findings alone."""

from pathlib import Path

from residua_bridge.claims import Evidence
from residua_bridge.claims.ledger import Reports
from residua_bridge.claims.reading import findings_in, folder_of
from residua_bridge.formats.markdown import FILE, text
from residua_bridge.highlights.closing import Sentence, judged, trust
from residua_bridge.highlights.picture import NAME, TITLE, caption, draw, glance
from residua_bridge.highlights.row import Highlight
from residua_bridge.highlights.rows import ROWS
from residua_bridge.writer import replace_file
from residua_network import ResiduaError

BEGIN = "<!-- Written by python -m residua_bridge.highlights, from the findings of the reports; do not edit. -->"
END = "<!-- End of what is written from the findings. -->"
README, REPORTS = "README.md", "reports"


def update(readme: str, reports: Reports) -> str:
    """`readme` with the block between its markers written anew; raises ResiduaError, naming what is missing."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ResiduaError(f"{README}: expected one line {BEGIN!r} and after it one {END!r}, got something else")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{block(reports)}\n\n{END}{after}"


def block(reports: Reports) -> str:
    """Picture, table, how many claims hold, and how far to trust all this."""
    e = Evidence(reports)
    story, rows = caption(glance(e)), [_row(highlight(e)) for highlight in ROWS]
    table = "\n".join(["| It is said | residua finds | Report |", "| --- | --- | --- |", *rows])
    closing = " ".join(map(_linked, (judged(reports), trust(e))))
    return "\n\n".join((f"![{TITLE}]({REPORTS}/{NAME})", text(story), table, closing))


def _row(one: Highlight) -> str:
    links = ", ".join(f"[{text(word)}]({_place(study)})" for word, study in one.links)
    return f"| {text(one.said)} | **{text(one.strong)}** {text(one.found)} | {links} |"


def _linked(one: Sentence) -> str:
    return f"{text(one.words)} [{text(one.link)}]({_place(one.study)})."


def _place(study: str) -> str:
    return f"{REPORTS}/{study}/{FILE}"


def write_all(root: Path) -> list[Path]:
    """Block and picture of the checkout `root` written anew; nothing is written where anything is missing."""
    found = findings_in(folder_of(root / REPORTS))
    place, reports = root / README, {one.study: one.sections for one in found}
    try:
        old = place.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ResiduaError(f"{place}: expected the README of a checkout, got: {error}") from error
    new = update(old, reports)
    drawn = draw(glance(Evidence(reports)), root / REPORTS / NAME)
    replace_file(place, new)
    return [place, drawn]
