"""What holds for the repository as a whole: who imports whom, what is installed, and that what is written is true."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import residua
from residua_bridge.claims.report import NAME as LEDGER
from residua_bridge.figures import draw
from residua_bridge.findings import Findings
from residua_bridge.formats import formats
from residua_bridge.graph_drawing import draw_graph_files
from residua_bridge.index import index
from residua_bridge.matrix_drawing import draw_matrix_files
from residua_bridge.waterfall_drawing import draw_waterfall_files
from residua_bridge.writer import DATA, write

# mypy takes tests/ for a root of modules, pytest takes it for a package
from .bridge.latex_tools import compile_latex, has_latex  # type: ignore[import-not-found]
from .bridge.sample_findings import findings  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parent.parent
REPORTS = sorted(path.parent for path in ROOT.glob(f"reports/*/{DATA}"))
PACKAGES = ("residua", "residua_bridge", "residua_network", "residua_numeric", "residua_symbolic")
CONTRACT = {
    *("Network", "Linear", "Activation", "LayerNorm", "RMSNorm", "Dropout", "Residual"),
    *("taylor", "derive_layer", "jacobian", "build", "train", "measure", "save", "load", "Task"),
    *("compare", "describe", "weights_of", "run", "render", "studies"),
}
LIMIT_SECONDS = 300
OURS = {"residua", "residua_bridge", "residua_network", "residua_numeric", "residua_symbolic"}
EXACT = {"sympy", "flint", "mpmath"}
TORCH = {"torch", "torchvision", "safetensors"}
FORBIDDEN = {
    "symbolic": TORCH | OURS - {"residua_network", "residua_symbolic"},
    "numeric": EXACT | OURS - {"residua_network", "residua_numeric"},
    "bridge": set[str](),
}
each_report = pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)


def python(*arguments: str, cwd: Path = ROOT, **environment: str) -> str:
    """What a new Python prints, warnings being errors there too."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# imports


def imports(source: str) -> set[str]:
    """The top-level names that a module imports anywhere: at its head, inside functions, by `import_module("...")`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return {name.partition(".")[0] for name in found}


def trespasses(root: Path) -> list[str]:
    """ "file imports what it must not", over the whole tree."""
    found = []
    for path in sorted(root.glob("*/residua*/**/*.py")):
        folder = path.relative_to(root).parts[0]
        names = imports(path.read_text(encoding="utf-8"))
        if folder == "network":
            wrong = names - set(sys.stdlib_module_names) - {"residua_network"}
        else:
            wrong = names & FORBIDDEN.get(folder, set())
        found += [f"{path.relative_to(root)} imports {name}" for name in sorted(wrong)]
    return found


def test_dependencies_run_one_way() -> None:
    assert trespasses(ROOT) == []
    seen = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/residua_*/*.py")}
    assert seen == {"network", "symbolic", "numeric", "bridge"}


@pytest.mark.parametrize(
    ("file", "line", "name"),
    [
        ("network/residua_network/kinds/new.py", "import numpy as np", "numpy"),
        ("symbolic/residua_symbolic/layers/new.py", "from torch.nn import Linear", "torch"),
        ("symbolic/residua_symbolic/a.py", "def f():\n    import residua_numeric.build", "residua_numeric"),
        ("symbolic/residua_symbolic/a.py", "from residua import build", "residua"),
        ("numeric/residua_numeric/a.py", "if True:\n    from sympy import Symbol", "sympy"),
        ("numeric/residua_numeric/a.py", "from importlib import import_module\nimport_module('flint.x')", "flint"),
        ("numeric/residua_numeric/a.py", "import os, residua_symbolic", "residua_symbolic"),
        ("numeric/residua_numeric/a.py", "x = __import__('residua_bridge')", "residua_bridge"),
    ],
)
def test_a_planted_import_is_reported(tmp_path: Path, file: str, line: str, name: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text("import os\nfrom residua_network import Layer\nfrom . import here\n", encoding="utf-8")
    assert trespasses(tmp_path) == []
    path.write_text(line, encoding="utf-8")
    assert trespasses(tmp_path) == [f"{file} imports {name}"]
    elsewhere = tmp_path / "bridge" / "residua_bridge" / "a.py"
    elsewhere.parent.mkdir(parents=True)
    path.rename(elsewhere)
    assert trespasses(tmp_path) == []


def loaded(code: str) -> set[str]:
    """The top-level modules that are there after `code`, in a new Python."""
    last = "import json, sys; print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    return set(json.loads(python("-c", f"{code}\n{last}").splitlines()[-1]))


def test_derivations_load_no_torch() -> None:
    used = "derive_layer('layernorm').check(); jacobian(Network((Linear(2, 2), LayerNorm(2)))).check()"
    there = loaded(f"from residua import LayerNorm, Linear, Network, derive_layer, jacobian; {used}")
    assert {"residua_symbolic", "sympy", "flint"} <= there
    assert there & (TORCH | {"residua_numeric", "residua_bridge", "matplotlib", "sklearn"}) == set()


def test_the_torch_side_loads_no_sympy() -> None:
    there = loaded("from residua import build, describe, load, measure, save, train, weights_of, Task")
    assert {"torch", "residua_numeric"} <= there
    assert there & (EXACT | {"residua_symbolic", "residua_bridge"}) == set()
    assert loaded("import residua_numeric") & (EXACT | OURS) == {"residua_numeric", "residua_network"}


def test_the_face_alone_loads_nothing() -> None:
    there = loaded("import residua; dir(residua)")
    assert there & (TORCH | EXACT | OURS | {"numpy", "matplotlib"}) == {"residua"}


# what is installed


def test_every_public_name_resolves() -> None:
    assert set(residua.__all__) >= CONTRACT
    assert residua.__all__ == dir(residua) == sorted(set(residua.__all__))
    for name in residua.__all__:
        assert getattr(residua, name) is not None
        assert getattr(residua, name).__module__.partition(".")[0] in OURS - {"residua"}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'residua' has no attribute 'jacobain'"):
        residua.jacobain  # noqa: B018


def test_the_wheel_holds_our_packages_and_nothing_else(tmp_path: Path) -> None:
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, f"residua-{version}.dist-info"}
    sources = {"/".join(path.relative_to(ROOT).parts[1:]) for path in ROOT.glob("*/residua*/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_help_loads_nothing_heavy() -> None:
    """So that it answers at once; how fast that is depends on the machine."""
    command = [str(Path(sys.executable).with_name("residua")), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("report", "list", "run", "law"))
    assert loaded("import residua_bridge.cli") & (TORCH | EXACT | {"numpy", "matplotlib", "sklearn"}) == set()


# the README


def blocks(markdown: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE)


def run_blocks(markdown: str, folder: Path) -> None:
    """Runs the Python examples one after another in one namespace."""
    script = folder / "examples.py"
    script.write_text("\n".join(blocks(markdown, "python")), encoding="utf-8")
    python(str(script), cwd=folder)


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert blocks(readme, "python")
    run_blocks(readme, tmp_path)


def test_an_example_that_fails_is_noticed(tmp_path: Path) -> None:
    good = "```python\na = 1\n```\ntext\n```sh\nfalse\n```\n```python\nassert a == 1\n```\n"
    assert blocks(good, "python") == ["a = 1\n", "assert a == 1\n"]
    run_blocks(good, tmp_path)
    with pytest.raises(AssertionError, match="AssertionError"):
        run_blocks(good.replace("a == 1", "a == 2"), tmp_path)


def test_links_of_the_readme_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)", readme) if "://" not in t]
    assert [t for t in targets if not t.startswith("reports") and not (ROOT / t).exists()] == []
    assert [t for t in targets if t.startswith("reports") and REPORTS and not (ROOT / t).exists()] == []


# what is committed


def tracked(root: Path = ROOT) -> list[Path]:
    """The files of the repository, those included that are yet to be committed; the tree itself where git has none."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, capture_output=True, timeout=LIMIT_SECONDS)
    if done.returncode or not (root / ".git").exists():
        return [path for path in sorted(root.rglob("*")) if path.is_file() and ".venv" not in path.parts]
    names = done.stdout.decode().split("\0")
    return [root / name for name in names if name and (root / name).is_file()]


# Written with gaps in them, so that this file is not its own finding.
MACHINE = re.compile(
    rb"/(?:w[o]rk|r[o]ot|h[o]me/[a-z]+|U[s]ers/[A-Za-z]+)/|--(?:extra-)?ind[e]x-url|"
    rb"https?://[^\s/\"']*(?:p[y]pi|pyth[o]nhosted|artif[a]ctory|n[e]xus|d[e]vpi|regi[s]try)[^\s\"']*"
)


def of_a_machine(paths: list[Path]) -> Iterator[str]:
    """Places in files that hold on one machine only: absolute paths, hosts of package registries."""
    for path in paths:
        for k, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            hit = MACHINE.search(line)
            if hit:
                yield f"{path.name}:{k}: {hit[0].decode(errors='replace')}"


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert list(of_a_machine(tracked())) == []
    assert Path(__file__) in tracked()


@pytest.mark.parametrize(
    "text",
    [
        '"/w' + 'ork/main/x.py"',
        "see /ro" + "ot/.cache/",
        "pip install --ind" + "ex-url x",
        "https://files.pyth" + "onhosted.org/packages/a.whl",
        "http://p" + "ypi.internal/simple",
    ],
)
def test_a_planted_path_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"https://arxiv.org/abs/1607.06450\nnetwork/residua_network\n{text}\n", encoding="utf-8")
    assert len(list(of_a_machine(tracked(tmp_path)))) == 1
    assert next(of_a_machine([path])).startswith("a.txt:3: ")


def without_a_line(root: Path, files: list[Path]) -> list[str]:
    """Top-level folders that do not say in one line what they are for; reports/ has its index there."""
    folders = {path.relative_to(root).parts[0] for path in files if len(path.relative_to(root).parts) > 1}
    found = []
    for folder in sorted(name for name in folders if not name.startswith(".")):
        readme = root / folder / "README.md"
        lines = readme.read_text(encoding="utf-8").strip().splitlines() if readme.exists() else []
        if not lines or (len(lines) > 1 and folder != "reports"):
            found.append(folder)
    return found


def test_every_folder_says_in_one_line_what_it_is_for() -> None:
    assert without_a_line(ROOT, tracked()) == []


def test_a_folder_that_does_not_is_reported(tmp_path: Path) -> None:
    texts = {"a": "# a: one line.\n", "b": "# b\n\nMore.\n", "c": "\n", ".d": "", "reports": "# r\n- x\n"}
    for folder, text in texts.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text(text, encoding="utf-8")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "f.py").write_text("", encoding="utf-8")
    assert without_a_line(tmp_path, tracked(tmp_path)) == ["b", "c", "e"]


# reports


def given_by(found: Findings, scratch: Path) -> dict[str, bytes]:
    """All files of a report, from its findings alone."""
    files = {one.file: one.render(found).encode() for one in formats().values()} | {DATA: found.to_json().encode()}
    for section in found.sections:
        for figure in section.figures:
            files |= {f"figures/{path.name}": path.read_bytes() for path in draw(figure, scratch)}
        for drawing in section.drawings:
            files |= {f"figures/{path.name}": path.read_bytes() for path in draw_graph_files(drawing, scratch)}
        for matrix in section.matrices:
            files |= {f"figures/{path.name}": path.read_bytes() for path in draw_matrix_files(matrix, scratch)}
        for waterfall in section.waterfalls:
            files |= {f"figures/{path.name}": path.read_bytes() for path in draw_waterfall_files(waterfall, scratch)}
    return files


def stale(report: Path, wanted: dict[str, bytes]) -> list[str]:
    """Files that are not, byte for byte, what they should be; missing and surplus ones too."""
    there = {path.relative_to(report).as_posix(): path.read_bytes() for path in report.rglob("*") if path.is_file()}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def findings_of(report: Path) -> Findings:
    return Findings.from_json((report / DATA).read_text(encoding="utf-8"))


@each_report
def test_a_committed_report_is_what_its_findings_give(report: Path, tmp_path: Path) -> None:
    assert stale(report, given_by(findings_of(report), tmp_path)) == []


@each_report
@pytest.mark.skipif(not has_latex(), reason="latexmk is not installed")
def test_a_committed_report_compiles(report: Path) -> None:
    assert compile_latex(report) == []


@each_report
def test_a_committed_report_is_in_the_index_and_in_the_studies(report: Path) -> None:
    found = findings_of(report)
    assert found.study == report.name
    lines = (ROOT / "reports" / "README.md").read_text(encoding="utf-8").splitlines()
    assert index([found]).splitlines()[-1] in lines
    assert "NOT as expected" not in "".join(lines)
    assert report.name in {*residua.studies(), LEDGER}


def test_what_is_stale_is_reported(tmp_path: Path) -> None:
    write(findings(), tmp_path, list(formats()))
    report, scratch = tmp_path / "sample", tmp_path / "scratch"
    scratch.mkdir()
    wanted = given_by(findings_of(report), scratch)
    assert stale(report, wanted) == []
    names = ["figures/errors.pdf", "figures/errors.svg", DATA, "report.md", "report.tex"]
    for name in names:
        content = (report / name).read_bytes()
        (report / name).write_bytes(content.replace(b"0", b"1", 1))
        assert stale(report, wanted) == [name]
        (report / name).write_bytes(content)
    (report / "left_over.md").write_text("old", encoding="utf-8")
    (report / names[0]).unlink()
    assert stale(report, wanted) == [names[0], "left_over.md"]
