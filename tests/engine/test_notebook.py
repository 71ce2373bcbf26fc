"""A note as a notebook: valid, the same each time, and it runs."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from notebook_view import mend, render
from projects import live, open_project
from vaultsite.expand import Surroundings
from vaultsite.model import Output, VaultPath
from vaultsite.notebook import Notebook, Origin, Shown, notebook_text, to_notebook
from vaultsite.runner import How, run_notes
from vaultsite.workspace import Workspace, outputs_of

ROOT = Path(__file__).parents[2]
A = VaultPath("a.md")


def surroundings(workspace: Workspace) -> Surroundings:
    return Surroundings(
        workspace.resolver,
        lambda path: f"https://site.example/{path.removesuffix('.md')}/",
        outputs=lambda note: outputs_of(workspace, note),
        snippets=workspace.snippets,
    )


def made(root: Path, text: str, origin: Origin | None = None, **files: str) -> Notebook:
    """Return the notebook of a note that ran."""
    workspace = open_project(root, {"docs/a.md": text, **files})
    assert run_notes(workspace, workspace.stale, How()) == []
    workspace = open_project(root)
    notebook = to_notebook(workspace.vault.notes[A], surroundings(workspace), origin or Origin())
    nbformat.validate(nbformat.reads(notebook_text(notebook), 4))  # type: ignore[no-untyped-call]
    return notebook


def sources(notebook: Notebook, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def cell(notebook: Notebook, words: str) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if words in "".join(c["source"]))


def test_prose_and_cells_alternate_with_their_recorded_outputs(tmp_path: Path) -> None:
    text = "# 甲\n\n先说。\n\n```python live\nprint('出'); 1 + 1\n```\n\n共 `= 6 * 7` 个。\n"
    notebook = made(tmp_path, text)
    assert sources(notebook, "markdown") == ["# 甲\n\n这一页由笔记生成。", "先说。", "共 42 个。"]
    assert sources(notebook, "code") == ["print('出'); 1 + 1"]
    code = cell(notebook, "print")
    assert code["execution_count"] == 1
    assert code["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": ["出\n"]},
        {"output_type": "display_data", "data": {"text/plain": ["2"]}, "metadata": {}},
    ]


def test_options_become_what_jupyter_knows(tmp_path: Path) -> None:
    text = (
        '```python live hide="source"\na = 1\n```\n\n```python live hide="output"\nb = 2\nb\n```\n\n'
        '```python live fold="怎样算"\nc = 3\n```\n\n'
        '```python live raises="ZeroDivisionError"\n1 / 0\n```\n\n'
        '```python live caption="图的说明"\nd = 4\n```\n'
    )
    notebook = made(tmp_path, text)
    assert cell(notebook, "a = 1")["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
    assert cell(notebook, "b = 2")["metadata"]["jupyter"] == {"outputs_hidden": True}
    assert cell(notebook, "c = 3")["metadata"]["jupyter"] == {"source_hidden": True}
    assert cell(notebook, "1 / 0")["metadata"]["tags"] == ["raises-exception"]
    order = ["".join(c["source"]) for c in notebook["cells"]]
    assert order[order.index("d = 4") + 1] == "*图的说明*"


def test_a_cell_in_a_callout_stands_alone_and_the_callout_goes_on(tmp_path: Path) -> None:
    text = (
        "> [!tip]- 试一试\n> 前\n>\n> ```python live\n> x = 1\n> x\n> ```\n>\n> 后\n\n> [!warning]\n> 小心\n"
    )
    notebook = made(tmp_path, text)
    assert sources(notebook, "code") == ["x = 1\nx"]
    assert sources(notebook, "markdown")[1:] == ["> **试一试**\n>\n> 前", "> 后\n\n> **注意**\n>\n> 小心"]


def test_an_embedded_source_is_shown_and_not_run_again(tmp_path: Path) -> None:
    files = {"code/pack/__init__.py": "", "code/pack/m.py": "def f():\n    return 7\n"}
    text = '```python embed="pack.m:f"\n```\n\n```python live\nfrom pack.m import f\nf()\n```\n'
    notebook = made(tmp_path, text, **files)
    assert sources(notebook, "code") == ["from pack.m import f\nf()"]
    assert "```python\n# pack/m.py:1\ndef f():\n    return 7\n```" in sources(notebook, "markdown")[1]


def test_what_only_obsidian_knows_becomes_markdown(tmp_path: Path) -> None:
    text = "%%草稿%%见 [[b|乙]] 和 [[没有]]，$x^2$。 ^块\n\n```python live\n1\n```\n"
    workspace = open_project(tmp_path, {"docs/a.md": text, "docs/b.md": "# 乙\n"})
    around = surroundings(workspace)
    note = workspace.vault.notes[A]
    with_site = to_notebook(note, around, Origin(page="https://site.example/a/"))
    assert "见 [乙](https://site.example/b/) 和 没有，$x^2$。" in sources(with_site, "markdown")[1]
    alone = to_notebook(note, around, Origin())
    assert "见 乙 和 没有，$x^2$。" in sources(alone, "markdown")[1]
    assert "草稿" not in notebook_text(alone)


def test_a_small_picture_travels_with_the_notebook(tmp_path: Path) -> None:
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "图.png").write_bytes(picture)
    notebook = made(tmp_path, "![[图.png|120]]\n\n```python live\n1\n```\n")
    (prose,) = [c for c in notebook["cells"] if "attachments" in c]
    assert "".join(prose["source"]) == "![图.png](attachment:图.png)"
    assert base64.b64decode(prose["attachments"]["图.png"]["image/png"]) == picture


def test_it_is_the_same_file_each_time_and_ids_stay_while_a_cell_does(tmp_path: Path) -> None:
    text = live("1", "2", "1")
    first, again = made(tmp_path, text), made(tmp_path, text)
    assert notebook_text(first) == notebook_text(again)
    ids = [c["id"] for c in first["cells"]]
    assert len(set(ids)) == len(ids)
    edited = made(tmp_path, live("1", "22", "1"))
    assert [c["id"] for c in edited["cells"]] == [*ids[:2], edited["cells"][2]["id"], ids[3]]


def test_the_opening_gets_what_the_cells_need(tmp_path: Path) -> None:
    origin = Origin("pack", "import pack; pack.start()", "", "https://github.com/me/it")
    files = {"code/pack/__init__.py": "def start():\n    pass\n"}
    opening = sources(made(tmp_path, live("1"), origin, **files), "code")[0]
    assert '%pip install -q "pack @ git+https://github.com/me/it#subdirectory=code"' in opening
    assert opening.endswith("import pack\npack.start()")
    without = sources(made(tmp_path, live("1"), replace(origin, repository=""), **files), "code")[0]
    assert "pip install ./code" in without


def test_the_notebook_runs_from_top_to_bottom_with_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a reader would: the package installed, nothing of the repository on the path."""
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "code", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    )
    there = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(there), str(source)], check=True, timeout=300)
    text = live(
        "import torch\nfrom dlnotes import cost\nfrom dlnotes.convnets.lenet import LeNet",
        "print(f'{cost.count_parameters(LeNet()):,}')",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('损失');",
    )
    workspace = open_project(tmp_path / "project", {"docs/a.md": text})
    origin = Origin("dlnotes", "from dlnotes import lab; lab.start()")
    notebook = to_notebook(workspace.vault.notes[A], surroundings(workspace), origin)
    node = nbformat.reads(notebook_text(notebook), 4)  # type: ignore[no-untyped-call]
    monkeypatch.setenv("PYTHONPATH", str(there))
    monkeypatch.chdir(tmp_path)
    NotebookClient(node, timeout=300, kernel_name="python3").execute()
    outputs = [output for c in node.cells if c.cell_type == "code" for output in c.outputs]
    assert "61,706" in "".join(o.get("text", "") for o in outputs)
    assert any("image/png" in o.get("data", {}) or "image/svg+xml" in o.get("data", {}) for o in outputs)


# ---- its page ----


def shown_page(notebook: Mapping[str, Any], slugs: tuple[str, ...] = ()) -> str:
    return mend(render(dict(notebook)), slugs)


def test_a_page_has_the_markup_and_nothing_that_was_inlined(tmp_path: Path) -> None:
    notebook = made(
        tmp_path, "# 甲\n\n## 二 级\n\n`x` 见 <https://a.b>\n\n" + live("print(1)").partition("\n\n")[2]
    )
    raw = render(notebook)
    page = shown_page(notebook, ("甲", "二-级"))
    assert len(raw) > 500_000
    assert len(page) < 5_000
    for word in ("<style", "<script", "<link", "clipboard", "mathjax", "%E"):
        assert word not in page.replace("https://a.b", ""), word
    assert '<h2 id="二-级">二 级</h2>' in page
    assert '<div class="highlight"><pre><code>' in page
    assert ">1\n</pre>" in page


def test_a_persons_own_notebook_gets_ids_that_links_find() -> None:
    page = mend('<h2 id="%E4%BA%8C">二 级<a class="anchor-link" href="#%E4%BA%8C">¶</a></h2><h2>二 级</h2>')
    assert page == '<h2 id="二-级">二 级</h2><h2 id="二-级_1">二 级</h2>'


def test_formulas_and_outputs_are_those_of_the_notes_page(tmp_path: Path) -> None:
    workspace = open_project(tmp_path, {"docs/a.md": "$x^2$ 与\n\n$$y$$\n\n" + live("print('出')")})
    run_notes(workspace, workspace.stale, How())
    workspace = open_project(tmp_path)
    around = replace(surroundings(workspace), math={("x^2", False): "<i>x²</i>", ("y", True): "<b>y</b>"})
    shown = Shown()

    def one(output: Output, prefix: str) -> str:
        return f"<pre id={prefix}>{output.data['text/plain']}</pre>"

    notebook = to_notebook(workspace.vault.notes[A], around, Origin(), output_html=one, shown=shown)
    page = shown.put_back(shown_page(notebook))
    assert '<span class="math inline"><i>x²</i></span> 与' in page
    assert '<span class="math display" tabindex="0"><b>y</b></span>' in page
    assert "<pre id=c1-0>出</pre>" in page


def test_folded_cells_open(tmp_path: Path) -> None:
    page = mend(render(made(tmp_path, live("1", "2"))), folded=[(1, "代码")])
    first, _, second = page.partition("<details")
    assert "[1]:" in first
    assert "[2]:" in second
    assert second.startswith(' class="notebook-fold"><summary>代码</summary>')


def test_a_notebook_of_one_cell_is_json_that_merges_line_by_line(tmp_path: Path) -> None:
    text = notebook_text(made(tmp_path, live("a = 1\nb = 2")))
    assert '    "a = 1\\n",\n    "b = 2"\n' in text
    assert list(json.loads(text)) == sorted(json.loads(text))
