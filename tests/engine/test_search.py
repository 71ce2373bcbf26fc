"""Search: what of a note is searched, and that every query of the test set finds what is meant."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rendering import surroundings, vault_with
from vaultsite.expand import Surroundings
from vaultsite.model import Output, VaultPath
from vaultsite.node import find_node
from vaultsite.search import search_entry, search_index
from vaultsite.workspace import open_workspace, outputs_of, read_settings

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "scripts/theme/assets/javascripts/search-worker.js"
QUERIES = json.loads((ROOT / "tests/fixtures/search/queries.json").read_text(encoding="utf-8"))
PROGRAM = """
await import(process.argv[1]);
let given = "";
for await (const chunk of process.stdin) given += chunk;
const { data, queries } = JSON.parse(given);
const index = new SearchIndex(data);
console.log(JSON.stringify(queries.map((query) => index.search(query))));
"""


def answers(data: dict[str, Any], queries: list[str]) -> list[dict[str, Any]]:
    """Ask the browser's own code, in Node."""
    done = subprocess.run(
        [find_node().node, "--input-type=module", "-e", PROGRAM, WORKER.as_uri()],
        input=json.dumps({"data": data, "queries": queries}),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def entry(text: str, **known: Any) -> dict[str, Any]:
    vault = vault_with(text)
    return search_entry(vault.notes[VaultPath("A.md")], surroundings(vault, **known), url="A/")


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """The names of the notes that each query of the test set finds in the project's vault, best first."""
    workspace = open_workspace(read_settings(ROOT))
    around = Surroundings(
        workspace.resolver, str, partial(outputs_of, workspace), snippets=workspace.snippets
    )
    entries = [
        search_entry(
            note,
            around,
            url=note.name,
            summary=workspace.graph.summaries.get(path, ""),
            is_home=path == workspace.home,
        )
        for path, note in workspace.vault.notes.items()
    ]
    data = json.loads(search_index([json.dumps(entry) for entry in entries]))
    queries = [query["query"] for query in QUERIES]
    given = answers(data, queries)
    return {
        query: [result["url"].partition("#")[0] for result in answer["results"]]
        for query, answer in zip(queries, given, strict=True)
    }


def test_the_test_set_is_large_and_names_notes_that_are_there() -> None:
    assert len(QUERIES) >= 60
    names = {note.name for note in open_workspace(read_settings(ROOT)).vault.notes.values()}
    assert {name for query in QUERIES for name in query["expect"]} <= names


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q['kind']}: {q['query']}")
def test_a_query_finds_the_note_that_is_meant(found: dict[str, list[str]], query: dict[str, Any]) -> None:
    first = found[query["query"]][: query["rank"]]
    assert set(first) & set(query["expect"]), first


def test_a_note_is_cut_at_its_headings_and_freed_of_its_marks() -> None:
    text = "# A\n\n见 [[B|**乙**]]。%%no%%\n\n## 二 `x`\n\n> [!tip] 提示\n> - ==重点== [词](B.md)\n"
    assert entry(text)["parts"] == [["", "", "见 乙。"], ["二-x", "二 x", "提示\n重点 词"]]


def test_code_math_and_outputs_are_searched_as_they_stand() -> None:
    shown = (Output("stdout", {"text/plain": "acc=0.874"}),)
    parts = entry(
        "```python live\nlr=0.9  # a*b*c\n```\n\n$\\sqrt{d}$ 与 `nn.Conv2d`\n", outputs=lambda _: [shown]
    )["parts"]
    text = parts[0][2]
    for words in ("lr=0.9 # a*b*c", "acc=0.874", "\\sqrt{d}", "nn.Conv2d"):
        assert words in text


def test_results_show_the_sentence_with_its_match_and_lead_to_its_heading() -> None:
    data = {"notes": [entry("# A\n\n## 深层\n\n前面一句。这里说到梯度裁剪的用法。后面一句。\n")]}
    (answer,) = answers(data, ["梯度裁剪"])
    (result,) = answer["results"]
    assert result["url"] == "A/#" + "%E6%B7%B1%E5%B1%82"
    assert ["梯度裁剪", True] in result["text"]
    assert "".join(text for text, _ in result["text"]) == "这里说到梯度裁剪的用法。"


@pytest.mark.parametrize("query", ["", " ", "的", "\\", "(", "[", "a" * 500, "\u0000", "İ", "🙂", "* * *"])
def test_any_query_gets_an_answer(query: str) -> None:
    (answer,) = answers({"notes": [entry("# A\n\nİ 🙂 text ( [ \\\\ \n")]}, [query])
    assert answer["total"] >= 0
