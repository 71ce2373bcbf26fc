"""Compare search engines on the vault's own queries: what they find, what they weigh, how long they take.

``python scripts/compare_search.py [--notes 34 1000]`` prints one Markdown table for each size. Every engine
is given the same plain text of the same notes: the project's vault, and notes made of its clauses in another
order until there are as many as asked for. It needs Node, npm, pip and Chromium with Playwright; MiniSearch
(npm) and Pagefind (PyPI) are installed into a temporary folder, never into the project.

Times: from the query to the results, in Node or in a page of Chromium; downloads and start-up stand apart.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from vaultsite.expand import Surroundings
from vaultsite.node import find_node
from vaultsite.search import search_entry, search_index
from vaultsite.workspace import open_workspace, outputs_of, read_settings

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "scripts" / "theme" / "assets" / "javascripts" / "search-worker.js"
QUERIES = ROOT / "tests" / "fixtures" / "search" / "queries.json"
CHARACTERS = 3000

Entry = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """What an engine gave: for each query the places of its results, best first, and milliseconds."""

    found: list[list[int]]
    times: list[float]
    start: float
    raw: int
    packed: int


def vault_entries() -> list[Entry]:
    """Return the search entries of the project's vault, the navigation note last."""
    workspace = open_workspace(read_settings(ROOT))
    entries = []
    for path, note in workspace.vault.notes.items():
        around = Surroundings(
            workspace.resolver, str, partial(outputs_of, workspace), snippets=workspace.snippets
        )
        summary = workspace.graph.summaries.get(path, "")
        is_home = path == workspace.home
        entries.append(search_entry(note, around, url=note.name, summary=summary, is_home=is_home))
    return sorted(entries, key=lambda entry: "home" in entry)


def distractors(entries: Sequence[Entry], count: int, queries: Sequence[Entry], seed: int = 0) -> list[Entry]:
    """Return *count* notes of the vault's clauses in another order.

    None has a title or name of the vault's own, and none has what only one note's body can answer.
    """
    rng = random.Random(seed)
    needles = {q["needle"].lower().replace(" ", "") for q in queries if "needle" in q}
    names = {name.lower() for e in entries for name in [e["title"], *e.get("aliases", [])]}
    texts = "\n".join(text for e in entries if "home" not in e for _, _, text in e["parts"])
    clauses = []
    for clause in dict.fromkeys(c.strip() for c in re.split(r"[，。；：！？\n]", texts)):
        squeezed = clause.lower().replace(" ", "")
        if len(clause) > 3 and not any(needle in squeezed for needle in needles):
            clauses.append(clause)
    short = [c for c in clauses if len(c) < 14 and not any(name in c.lower() for name in names)]

    def note(number: int) -> Entry:
        parts: list[list[str]] = []
        length = 0
        while length < CHARACTERS:
            sentences = ["，".join(rng.sample(clauses, rng.randint(2, 4))) + "。" for _ in range(12)]
            heading = rng.choice(short)
            parts.append([f"{heading}-{len(parts)}", heading, "".join(sentences)])
            length += len(parts[-1][2])
        title = f"{number} {rng.choice(short)}"
        summary = rng.choice(clauses)
        return {"title": title, "url": f"distractor-{number}", "summary": summary, "parts": parts}

    return [note(number) for number in range(1000, 1000 + count)]


OURS = """
await import(process.argv[2]);
const { readFileSync } = await import("node:fs");
const text = readFileSync(process.argv[3], "utf8");
const queries = JSON.parse(readFileSync(process.argv[4], "utf8"));
const begin = performance.now();
const index = new SearchIndex(JSON.parse(text));
const start = performance.now() - begin;
const at = new Map(index.notes.map((note, n) => [note.url, n]));
const answers = queries.map((query) => {
  const begin = performance.now();
  const { results } = index.search(query);
  return [results.map(({ url }) => at.get(url.split("#")[0])), performance.now() - begin];
});
console.log(JSON.stringify({ start, answers }));
"""

MINISEARCH = """
const { default: MiniSearch } = await import(process.argv[2]);
const { readFileSync } = await import("node:fs");
const { gzipSync } = await import("node:zlib");
const { notes } = JSON.parse(readFileSync(process.argv[3], "utf8"));
const queries = JSON.parse(readFileSync(process.argv[4], "utf8"));
const runs = /[\\u3400-\\u9fff]+|[^\\s\\p{P}\\u3400-\\u9fff]+/gu;
const tokenize = (text) => (text.toLowerCase().match(runs) ?? [])
  .flatMap((run) => /[\\u3400-\\u9fff]/.test(run) && run.length > 1
    ? Array.from({ length: run.length - 1 }, (_, i) => run.slice(i, i + 2)) : [run]);
const options = { fields: ["title", "aliases", "tags", "summary", "headings", "body"], tokenize };
const documents = notes.map((note, id) => ({
  id, title: note.title, aliases: (note.aliases ?? []).join(" "), tags: (note.tags ?? []).join(" "),
  summary: note.summary ?? "", headings: note.parts.map((part) => part[1]).join(" "),
  body: note.parts.map((part) => part[2]).join(" "),
}));
let index = new MiniSearch(options);
index.addAll(documents);
const prebuilt = JSON.stringify(index);
const begin = performance.now();
index = MiniSearch.loadJSON(prebuilt, options);
const start = performance.now() - begin;
const isLatin = (term) => /^[^\\u3400-\\u9fff]+$/.test(term);
const search = {
  boost: { title: 8, aliases: 8, tags: 3, summary: 3, headings: 3 }, tokenize,
  prefix: isLatin, fuzzy: (term) => (isLatin(term) && term.length > 3 ? 1 : false),
  boostDocument: (id) => (notes[id].home ? 0.01 : notes[id].draft ? 0.9 : 1),
};
const answers = queries.map((query) => {
  const begin = performance.now();
  const results = index.search(query, search);
  return [results.slice(0, 20).map(({ id }) => id), performance.now() - begin];
});
// Without the texts that the sentences come from: they would be sent as well.
const packed = gzipSync(prebuilt, { level: 9 }).length;
console.log(JSON.stringify({ start, answers, raw: Buffer.byteLength(prebuilt), packed }));
"""

MATERIAL = """
async ([site, queries]) => {
  const page = await (await fetch(site)).text();
  const config = JSON.parse(page.match(/id="__config"[^>]*>(.*?)<\\/script>/s)[1]);
  const worker = new Worker(new URL(config.search, site));
  const ask = (message) => new Promise((done) => {
    worker.onmessage = ({ data }) => done(data);
    worker.postMessage(message);
  });
  const data = await (await fetch(site + "search/search_index.json")).json();
  const begin = performance.now();
  await ask({ type: 0, data: { ...data, options: { suggest: false } } });
  const start = performance.now() - begin;
  const answers = [];
  for (const query of queries) {
    const begin = performance.now();
    const { data } = await ask({ type: 2, data: query });
    const time = performance.now() - begin;
    answers.push([data.items.map((item) => item[0].location), time]);
  }
  return { start, answers };
}
"""

PAGEFIND = """
async ([site, queries]) => {
  const begin = performance.now();
  const pagefind = await import(site + "pagefind/pagefind.js");
  await pagefind.init();
  const start = performance.now() - begin;
  const answers = [];
  for (const query of queries) {
    const begin = performance.now();
    const { results } = await pagefind.search(query);
    const shown = await Promise.all(results.slice(0, 5).map((result) => result.data()));
    answers.push([shown.map(({ url }) => url), performance.now() - begin]);
  }
  return { start, answers };
}
"""


def run_node(
    script: str, library: Path, entries: Sequence[Entry], queries: Sequence[Entry], work: Path
) -> Answers:
    """Run *script*, an engine in Node, over *entries*."""
    index, asked, program = work / "search.json", work / "queries.json", work / "engine.mjs"
    text = search_index([json.dumps(entry, ensure_ascii=False) for entry in entries])
    index.write_text(text, encoding="utf-8")
    asked.write_text(json.dumps([q["query"] for q in queries]), encoding="utf-8")
    program.write_text(script, encoding="utf-8")
    command = [find_node().node, str(program), library.as_uri(), str(index), str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=600)
    given = json.loads(done.stdout)
    data = text.encode()
    raw, packed = len(data), len(gzip.compress(data, 9))
    found, times = ([answer[n] for answer in given["answers"]] for n in (0, 1))
    return Answers(found, times, given["start"], given.get("raw", raw), given.get("packed", packed))


def build_plain_site(entries: Sequence[Entry], work: Path) -> Path:
    """Build the notes as plain Markdown with Material's search; every name of a note stands on its page."""
    docs = work / "docs"
    docs.mkdir()
    for number, entry in enumerate(entries):
        lines = ["---", "title: " + json.dumps(entry["title"], ensure_ascii=False)]
        lines += ["tags: " + json.dumps(entry.get("tags", []), ensure_ascii=False)]
        lines += ["search: {boost: 0.01}"] if "home" in entry else []
        lines += ["---", f"# {entry['title']}", "、".join(entry.get("aliases", []))]
        lines += ["", entry.get("summary", "")]
        for _, heading, text in entry["parts"]:
            lines += ["", f"## {heading}" if heading else "", "", text.replace("\n", "\n\n")]
        (docs / f"n{number}.md").write_text("\n".join(lines), encoding="utf-8")
    (docs / "index.md").write_text("---\nsearch: {exclude: true}\n---\n\n", encoding="utf-8")
    separator = r'[\s\u200b\-_,:!=\[\]()"`/]+|\.(?!\d)|&[lg]t;|(?!\b)(?=[A-Z][a-z])'
    config = {
        "site_name": "compare",
        "docs_dir": str(docs),
        "site_dir": str(work / "site"),
        "theme": {"name": "material", "font": False, "features": ["navigation.prune"]},
        "plugins": [{"search": {"lang": ["zh", "en"], "pipeline": [], "separator": separator}}, "tags"],
        "nav": ["index.md"],
    }
    (work / "mkdocs.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", str(work / "mkdocs.yml")]
    subprocess.run(command, check=True, timeout=1200, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    return work / "site"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve *site* and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def run_page(script: str, site: Path, queries: Sequence[Entry], files: Sequence[Path]) -> Answers:
    """Run *script*, an engine in a page of Chromium, over the pages of *site*."""
    from playwright.sync_api import sync_playwright

    with served(site) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{url}n0/")
        given = page.evaluate(script, [url, [q["query"] for q in queries]])
        browser.close()
    found = []
    for places, _ in given["answers"]:
        numbers = [re.search(r"\bn(\d+)/", unquote(place)) for place in places]
        found.append(list(dict.fromkeys(int(match[1]) for match in numbers if match)))
    data = [file.read_bytes() for file in files]
    times = [time for _, time in given["answers"]]
    packed = sum(len(gzip.compress(d, 9)) for d in data)
    return Answers(found, times, given["start"], sum(map(len, data)), packed)


def compare(
    entries: Sequence[Entry], queries: Sequence[Entry], tools: Path, only: Sequence[str]
) -> dict[str, Answers]:
    """Ask every engine every query."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        engines: dict[str, Callable[[], Answers]] = {
            "own scan": lambda: run_node(OURS, WORKER, entries, queries, work),
            "MiniSearch": lambda: run_node(
                MINISEARCH, tools / "node_modules/minisearch/dist/es/index.js", entries, queries, work
            ),
        }
        if {"Material", "Pagefind"} & set(only):
            site = build_plain_site(entries, work)
            index = [site / "search/search_index.json"]
            engines["Material"] = lambda: run_page(MATERIAL, site, queries, index)
            command = [*pagefind_python(tools), "-m", "pagefind", "--site", str(site)]
            options = ["--root-selector", "article", "--force-language", "zh"]
            subprocess.run([*command, *options], check=True, capture_output=True, timeout=600)
            pieces = [file for file in (site / "pagefind").rglob("*.pf_*") if file.is_file()]
            engines["Pagefind"] = lambda: run_page(PAGEFIND, site, queries, pieces)
        return {name: engines[name]() for name in engines if name in only}


def table(answers: dict[str, Answers], entries: Sequence[Entry], queries: Sequence[Entry]) -> str:
    """One row an engine: success in all and by kind of query, size and time."""
    names = [entry["url"] for entry in entries]
    kinds = list(dict.fromkeys(q["kind"] for q in queries))
    heads = ["", "within its rank", "@1", "@3", *kinds]
    heads += ["raw kB", "gzip kB", "start ms", "median ms", "max ms"]
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    for name, given in answers.items():
        ranks = [
            next((n for n, at in enumerate(found, 1) if names[at] in query["expect"]), 99)
            for found, query in zip(given.found, queries, strict=True)
        ]
        within = [rank <= query["rank"] for rank, query in zip(ranks, queries, strict=True)]
        of_kind = [[w for w, q in zip(within, queries, strict=True) if q["kind"] == kind] for kind in kinds]
        cells = [name, f"{sum(within)}/{len(within)}"]
        cells += [f"{sum(rank <= best for rank in ranks) / len(ranks):.0%}" for best in (1, 3)]
        cells += [f"{sum(kind)}/{len(kind)}" for kind in of_kind]
        cells += [f"{given.raw / 1000:.0f}", f"{given.packed / 1000:.0f}", f"{given.start:.0f}"]
        cells += [f"{statistics.median(given.times):.1f}", f"{max(given.times):.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
        missed = [q["query"] for w, q in zip(within, queries, strict=True) if not w]
        print(f"{name} misses: {'、'.join(missed) or 'nothing'}", file=sys.stderr)
    return "\n".join(lines)


def install(tools: Path) -> None:
    """Install what is compared into *tools*."""
    npm = [*find_node().npm, "install", "--no-audit", "--no-fund", "--prefix", str(tools), "minisearch@7"]
    subprocess.run(npm, check=True, capture_output=True, timeout=300)
    venv.create(tools / "pagefind", with_pip=True)
    pip = [*pagefind_python(tools), "-m", "pip", "install", "--quiet", "pagefind[extended]==1.5.2"]
    subprocess.run(pip, check=True, timeout=600)


def pagefind_python(tools: Path) -> list[str]:
    return [str(tools / "pagefind" / ("Scripts" if os.name == "nt" else "bin") / "python")]


def main() -> None:
    every = ["own scan", "MiniSearch", "Material", "Pagefind"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notes", type=int, nargs="+", default=[34, 1000], help="sizes of the vault")
    parser.add_argument("--engines", nargs="+", default=every, choices=every)
    options = parser.parse_args()
    queries = json.loads(QUERIES.read_text(encoding="utf-8"))
    own = vault_entries()
    print(f"{os.cpu_count()} cores, {platform.platform()}, {len(queries)} queries\n")
    with tempfile.TemporaryDirectory() as tools:
        if set(options.engines) - {"own scan"}:
            print("installing MiniSearch and Pagefind into a temporary folder …", file=sys.stderr)
            install(Path(tools))
        for size in options.notes:
            entries = [*own, *distractors(own, max(0, size - len(own)), queries)]
            found = compare(entries, queries, Path(tools), options.engines)
            print(f"{len(entries)} notes\n\n{table(found, entries, queries)}\n", flush=True)


if __name__ == "__main__":
    main()
