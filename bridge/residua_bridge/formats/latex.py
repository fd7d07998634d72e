"""LaTeX as an article that Debian's basic texlive packages compile; every outside string is escaped."""

from collections.abc import Sequence

from residua_bridge.figures import file_stem
from residua_bridge.findings import Drawing, Figure, Findings, Matrix, Table, VerdictText, Waterfall
from residua_bridge.formats._characters import mathematics
from residua_bridge.formats._mathematics import checked
from residua_bridge.formats._paper import (
    Block,
    Formula,
    Heading,
    Paragraph,
    Picture,
    Source,
    Sources,
    budgets,
    paper,
    with_causes,
)
from residua_bridge.formats._tabular import is_long, longtable, prose, setting, tabulars
from residua_bridge.formats._text import sentence

FILE = "report.tex"

_PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage[hmargin=25mm,vmargin=20mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{booktabs,float,graphicx,longtable}
\usepackage[font=small,labelfont=bf,skip=4pt]{caption}
\usepackage[hidelinks,bookmarks=false]{hyperref}
\makeatletter
\renewcommand{\section}{\@startsection{section}{1}{0pt}{-1.3em plus -0.4em}{0.3em}{\large\bfseries\raggedright}}
\renewcommand{\subsection}{\@startsection{subsection}{2}{0pt}{-0.9em plus -0.3em}{0.1em}%
  {\normalsize\bfseries\raggedright}}
\makeatother
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.4em plus 0.2em}
\setlength{\tabcolsep}{3.5pt}
\setlength{\LTpre}{0.4em plus 0.2em}
\setlength{\LTpost}{0.3em plus 0.2em}
\setlength{\intextsep}{0.8em plus 0.3em}
\setlength{\emergencystretch}{0.4\textwidth}
\AtBeginDocument{\setlength{\abovedisplayskip}{0.4em plus 0.2em}\setlength{\belowdisplayskip}{0.4em plus 0.2em}%
  \setlength{\abovedisplayshortskip}{0.1em}\setlength{\belowdisplayshortskip}{0.3em}}
\setcounter{secnumdepth}{1}
% \fit{...} scales down what is wider than the line
\newsavebox{\fitbox}
\newcommand{\fit}[1]{\sbox{\fitbox}{#1}%
  \ifdim\wd\fitbox>\linewidth\resizebox{\linewidth}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}"""


def render(findings: Findings) -> str:
    """The whole report as an article."""
    title = f"\\begin{{center}}\\Large\\bfseries {prose(findings.title)}\\end{{center}}"
    body = "\n\n".join(filter(None, map(_block, paper(findings))))
    body = body.replace("\n\n\\[", "\n\\[")  # a displayed formula belongs to the paragraph before it
    return f"{_PREAMBLE}\n\n\\begin{{document}}\n\n{title}\n\n{body}\n\n\\end{{document}}\n"


def render_verdicts(verdicts: Sequence[VerdictText]) -> str:
    """One `tabular`: a row a verdict, with its scope and causes; below it the budgets, where there are any.

    Needs booktabs, amsmath and amssymb.
    """
    parts = list(tabulars(with_causes(verdicts)))
    for block in budgets(verdicts):
        parts += tabulars(block) if isinstance(block, Table) else [_block(block)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"\\{'sub' * (block.level - 1)}section{{{prose(block.text)}}}"
        case Paragraph():
            lead = rf"\textbf{{{prose(block.lead)}}}" if block.lead else ""
            words = " ".join(filter(None, (lead, prose(block.text))))
            return f"{{\\footnotesize {words}\\par}}" if block.small else words
        case Formula():
            return _formula(block.latex)
        case Table():
            return _long_table(block) if is_long(block) else _tables(block)
        case Figure() | Drawing() | Matrix() | Waterfall():
            return _figure(block)
        case Sources():
            return "\n".join([r"{\footnotesize Evidence:\par", *map(_source, block.lines), "}"])


def _source(line: Source) -> str:
    words = ", ".join(filter(None, (line.report, line.section)))
    return rf"\hangindent=1.5em\hangafter=1 -- \emph{{{prose(words)}}}: {prose(sentence(line.shows))}\par"


def _formula(latex: str) -> str:
    formula = mathematics(checked(latex))
    if r"\\" in formula and r"\begin" not in formula:
        formula = rf"\begin{{gathered}}{formula}\end{{gathered}}"
    return f"\\[\n\\fit{{$\\displaystyle {formula}$}}\n\\]"


def _long_table(table: Table) -> str:
    size, caption = setting(table).size, _caption(table) if table.title else ""
    return f"\\begingroup\\{size}\n{longtable(table, caption)}\n\\endgroup"


def _tables(table: Table) -> str:
    return "\n\n".join(_table(table, k, tabular) for k, tabular in enumerate(tabulars(table)))


def _table(table: Table, page: int, tabular: str) -> str:
    fitted = f"\\{setting(table).size}\n\\fit{{{tabular}}}"
    if not table.title:
        return f"\\begin{{center}}{fitted}\n\\end{{center}}"
    caption = r"\tablename~\thetable{} (continued)\\[0.5em]" if page else _caption(table)
    return f"\\begin{{table}}[H]\n\\centering\n{caption}\n{fitted}\n\\end{{table}}"


def _figure(figure: Picture) -> str:
    picture = rf"\fit{{\includegraphics{{figures/{file_stem(figure.name)}.pdf}}}}"
    return f"\\begin{{figure}}[H]\n\\centering\n{picture}\n{_caption(figure)}\n\\end{{figure}}"


def _caption(block: Table | Picture) -> str:
    words = " ".join(filter(None, (sentence(block.title), block.caption)))
    return rf"\caption{{{prose(words)}}}"
