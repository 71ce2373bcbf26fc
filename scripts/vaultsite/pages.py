"""Workspace to pages: what each page shows, and the hash of everything that enters it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vaultsite.addresses import address, relative_url, url_of
from vaultsite.cache import Cache
from vaultsite.cards import Card
from vaultsite.dates import Days, dates_of
from vaultsite.embed import Snippet, TestRef
from vaultsite.expand import Surroundings
from vaultsite.feed import Entry, feed
from vaultsite.freeze import Record
from vaultsite.graph import RELATIONS, NavItem, learning_path, reading_minutes
from vaultsite.markdown import Rendered, Renderer, ingredients, output_html
from vaultsite.mentions import MOST, Mention, mentions_in, names_of
from vaultsite.model import Note, VaultPath
from vaultsite.notebook import Notebook, Origin, Shown, notebook_text, to_notebook
from vaultsite.pictures import Size, size_of_file
from vaultsite.provenance import provenance, run_table
from vaultsite.search import search_entry, search_index
from vaultsite.sources import source_page
from vaultsite.wiki import Shelf, WikiPage, graph_data, notes_by_tag, tag_address, wiki_pages
from vaultsite.workspace import Workspace, outputs_of

RUNS = "wiki/runs"
MemoryKey = tuple[str, str]


@dataclass(frozen=True)
class Look:
    """What the pages' looks depend on besides the vault.

    *engine* is a hash of code, theme and settings; *site* and *repository* are addresses, empty if unknown.
    *notebook_html* turns a notebook into HTML, given the ids of its headings and the cells to fold.
    """

    engine: str
    figure_uri: Callable[[str, str], str]
    site: str = ""
    repository: str = ""
    notebook_html: Callable[[Notebook, Sequence[str], Sequence[tuple[int, str]]], str] | None = None


class Pages:
    """The pages of one workspace. Pure: knows addresses and HTML, not who writes the files."""

    def __init__(
        self,
        workspace: Workspace,
        renderer: Renderer,
        look: Look,
        math: Mapping[tuple[str, bool], str],
        cache: Cache,
    ) -> None:
        self.workspace = workspace
        self.renderer = renderer
        self.look = look
        self.math = math
        self.cache = cache
        vault = workspace.vault
        self.urls = {path: url_of(address(note)) for path, note in vault.notes.items()}
        self.urls |= {path: quote(path) for path in vault.files}
        self.tags = notes_by_tag(vault)
        self._tag_url = {tag.casefold(): url_of(tag_address(tag, self.tags)) for tag in self.tags}
        self._content_keys: dict[tuple[VaultPath, str], str] = {}
        self._sizes: dict[VaultPath, Size | None] = {}
        self._records = {path: _digest_of(record) for path, record in workspace.records.items()}

    # ---- content -----------------------------------------------------------------------------------------

    def content_key(self, note: Note, base: str) -> str:
        """Return the hash of all that enters the text of *note*'s page at the URL *base*."""
        if (known := self._content_keys.get((note.path, base))) is None:
            made_of = ingredients(note, self.around(base), self._outputs_digest)
            known = self._content_keys[note.path, base] = _hash([self.look.engine, base, made_of])
        return known

    def content(self, note: Note, base: str, key: str) -> Rendered:
        """Return the text of a page, rendered unless it was before."""
        if kept := self.cache.get("content", key):
            html, toc = json.loads(kept)
            return Rendered(html, toc)
        rendered = self.renderer.render(note, self.around(base))
        self.cache.put("content", key, json.dumps([rendered.html, rendered.toc]).encode())
        return rendered

    def around(self, base: str) -> Surroundings:
        """Return what notes need from elsewhere, seen from the page at *base*."""
        workspace = self.workspace
        settings = workspace.settings

        def source_url(path: Path, line: int) -> str:
            page = url_of(source_page(path, settings).removesuffix(".md"))
            return f"{relative_url(page, base)}#L-{line}"

        def code_url(snippet: Snippet) -> str:
            return source_url(settings.code / snippet.path, snippet.first_line)

        def test_url(test: TestRef) -> str:
            return source_url(settings.root / test.path, test.line)

        return Surroundings(
            resolver=workspace.resolver,
            url=lambda path: relative_url(self.urls[path], base),
            outputs=partial(outputs_of, workspace),
            math=self.math,
            snippets=workspace.snippets,
            tests=workspace.tests,
            summaries=workspace.graph.summaries,
            code_url=code_url,
            test_url=test_url,
            repository_url=self._repository_url,
            shown_in=self._shown_in,
            added=workspace.graph.added,
            figure_url=lambda mime, data: relative_url(self.look.figure_uri(mime, data), base),
            tag_url=partial(self.tag_url, base=base),
            picture_size=self._picture_size,
        )

    def _picture_size(self, path: VaultPath) -> tuple[int, int] | None:
        if path not in self._sizes:
            self._sizes[path] = size_of_file(self.workspace.vault.root / path)
        return self._sizes[path]

    @cached_property
    def _shown_in(self) -> dict[str, tuple[VaultPath, ...]]:
        found: dict[str, dict[VaultPath, None]] = {}
        for path, note in self.workspace.vault.notes.items():
            for embed in note.code_embeds:
                found.setdefault(embed.symbol, {})[path] = None
        return {symbol: tuple(paths) for symbol, paths in found.items()}

    def _repository_url(self, snippet: Snippet) -> str:
        """A symbol's lines where the repository is kept, in the manner of GitHub and GitLab."""
        if not self.look.repository:
            return ""
        settings = self.workspace.settings
        path = (settings.code / snippet.path).relative_to(settings.root).as_posix()
        tree = "/-/blob" if "gitlab" in self.look.repository else "/blob"
        lines = f"L{snippet.first_line}-L{snippet.last_line}"
        return f"{self.look.repository.rstrip('/')}{tree}/HEAD/{quote(path)}#{lines}"

    def tag_url(self, tag: str, base: str) -> str:
        return relative_url(self._tag_url.get(tag.strip("/").casefold(), url_of("wiki/tags")), base)

    def _outputs_digest(self, note: Note) -> str:
        judged = self.workspace.verdicts.get(note.path)
        draft = self.workspace.drafts.get(note.path)
        drafted = f"{draft.key} {draft.done} {draft.problem}" if draft else ""
        return f"{judged and judged.state} {self._records.get(note.path, '')} {drafted}"

    # ---- what stands around the text ---------------------------------------------------------------------

    def context(self, note: Note, base: str) -> dict[str, Any]:
        """Return what the template shows of a note besides its text."""
        graph = self.workspace.graph
        card = partial(self._card, base=base)
        made = provenance(self.workspace, note)
        linked = {link.source for link in graph.backlinks.get(note.path, ())}
        before = learning_path(note.path, graph)
        direct = graph.relations[note.path].get("prerequisites", ())
        mentions = [m for m in self._mentions.get(note.path, ()) if m.source not in linked]
        sentences: dict[VaultPath, list[str]] = {}
        for link in graph.backlinks.get(note.path, ()):
            sentences.setdefault(link.source, []).extend([link.sentence] if link.sentence else [])
        return {
            "address": self.urls[note.path],
            "is_home": note.path == self.workspace.home,
            "summary": graph.summaries.get(note.path, ""),
            "tags": [{"name": tag, "url": self.tag_url(tag, base)} for tag in note.tags],
            "status": str(note.meta.get("status", "")),
            "reading_minutes": reading_minutes(note),
            "provenance": made and dataclasses.asdict(made),
            "backlinks": [{**card(path), "sentences": found} for path, found in sentences.items()],
            "mentions": [{**card(m.source), "name": m.name, "sentence": m.sentence} for m in mentions[:MOST]],
            **{key: [card(path) for path in graph.relations[note.path].get(key, ())] for key in RELATIONS},
            "path": [card(path) for path in before] if len(before) > len(direct) else [],
            "graph": self.urls[note.path] if note.path != self.workspace.home else "",
            "runs": relative_url(url_of(RUNS), base),
            **self._notebook_ways(note, base),
        }

    def _card(self, path: VaultPath, base: str) -> dict[str, str]:
        note = self.workspace.vault.notes[path]
        return {
            "title": note.title,
            "url": relative_url(self.urls[path], base),
            "summary": self.workspace.graph.summaries.get(path, ""),
            "status": str(note.meta.get("status", "")),
        }

    @cached_property
    def _mentions(self) -> dict[VaultPath, list[Mention]]:
        """Who names each note without a link, in any note that is not the navigation."""
        names = names_of(self.workspace.vault)
        known = self.cache.all_of("mentions")
        found: dict[VaultPath, list[Mention]] = {}
        for note in self.workspace.vault.notes.values():
            if note.path == self.workspace.home:
                continue
            key = _hash([self.look.engine, names.digest, note.path, note.digest])
            if (mentions := MEMORY.get(("mentions", key))) is None:
                if kept := known.get(key):
                    mentions = pickle.loads(kept)
                else:
                    mentions = mentions_in(note, names)
                    self.cache.put("mentions", key, pickle.dumps(mentions, pickle.HIGHEST_PROTOCOL))
                MEMORY["mentions", key] = mentions
            self.cache.keep("mentions", [key])
            for path, mention in mentions:
                found.setdefault(path, []).append(mention)
        return found

    # ---- notebooks ---------------------------------------------------------------------------------------

    def notebooks(self) -> list[Note]:
        """Return the notes that have a notebook: those that run code."""
        return [n for n in self.workspace.vault.notes.values() if any(c.kind == "live" for c in n.cells)]

    def notebook_file(self, note: Note) -> str:
        """Return the text of a note's notebook, its links leading to the site where its address is known."""
        page = f"{self.look.site.rstrip('/')}/{self.urls[note.path]}" if self.look.site else ""
        around = dataclasses.replace(
            self.around(self.urls[note.path]),
            url=lambda path: f"{self.look.site.rstrip('/')}/{self.urls[path]}",
        )
        settings = self.workspace.settings
        origin = Origin(settings.package, settings.setup, page, self.look.repository)
        return notebook_text(to_notebook(note, around, origin))

    def notebook_key(self, note: Note) -> str:
        """Return the hash of all that enters the page that shows a note's notebook."""
        return _hash(["notebook", self.content_key(note, self._notebook_url(note)), self.look.site])

    def notebook_page(self, note: Note) -> Rendered:
        """Return the page that shows a note's notebook."""
        key = self.notebook_key(note)
        if kept := self.cache.get("content", key):
            return Rendered(*json.loads(kept))
        base = self._notebook_url(note)
        around = self.around(base)
        shown = Shown()
        settings = self.workspace.settings
        origin = Origin(settings.package, settings.setup, "", self.look.repository)
        notebook = to_notebook(
            note,
            around,
            origin,
            output_html=lambda output, prefix: output_html(output, prefix, "运行结果", around),
            shown=shown,
        )
        del notebook["cells"][0]  # its title is the page's
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        words = {"setup": "准备", "hide-input": "代码"}
        folded = [
            (n, words[tag])
            for n, cell in enumerate(code)
            for tag in cell["metadata"].get("tags", ())
            if tag in words
        ]
        slugs = [h.slug for h in note.headings if h.level > 1 or h.text != note.title]
        assert self.look.notebook_html is not None
        ways = self._notebook_ways(note, base)
        links = [(relative_url(self.urls[note.path], base), "回到笔记", "")]
        links += [(ways["notebook_file"], "下载", f' download="{escape(ways["notebook_name"])}"')]
        links += [(ways["colab"], "在 Colab 打开", "")] if "colab" in ways else []
        line = " · ".join(f'<a href="{escape(url)}"{more}>{text}</a>' for url, text, more in links)
        html = (
            f"<h1>{escape(note.title)} · Notebook</h1>"
            f'<p class="notebook-ways">{line}</p>'
            f"{shown.put_back(self.look.notebook_html(notebook, slugs, folded))}"
        )
        self.cache.put("content", key, json.dumps([html, []]).encode())
        return Rendered(html, [])

    def _notebook_url(self, note: Note) -> str:
        return url_of(f"{address(note)}/notebook")

    def _notebook_ways(self, note: Note, base: str) -> dict[str, str]:
        if self.look.notebook_html is None or not any(cell.kind == "live" for cell in note.cells):
            return {}
        view = self._notebook_url(note)
        file = f"{view.rstrip('/')}.ipynb"
        ways = {
            "notebook": relative_url(view, base),
            "notebook_file": relative_url(file, base),
            "notebook_name": f"{note.name}.ipynb",
        }
        github = self.look.repository.partition("github.com/")[2].strip("/").removesuffix(".git")
        if github:
            # Where GitHub Pages serves from by default: there the notebook stands beside the page.
            ways["colab"] = f"https://colab.research.google.com/github/{github}/blob/gh-pages/{file}"
        return ways

    # ---- pages that are no notes -------------------------------------------------------------------------

    @cached_property
    def days(self) -> Mapping[VaultPath, Days]:
        """When each note came and was last changed."""
        return dates_of(self.workspace.vault)

    @cached_property
    def shelf(self) -> Shelf:
        workspace = self.workspace
        return Shelf(
            workspace.vault,
            workspace.resolver,
            self.urls,
            workspace.graph.summaries,
            workspace.graph.nav,
            self.tags,
            {path: days.changed for path, days in self.days.items()},
            self.math,
        )

    def wiki_pages(self) -> Iterator[tuple[str, WikiPage]]:
        """Yield the wiki's own pages with their addresses."""
        yield from wiki_pages(self.shelf)
        table = run_table(self.workspace, {p: relative_url(u, url_of(RUNS)) for p, u in self.urls.items()})
        yield RUNS, WikiPage("运行状况", table)

    # ---- for those who share ---------------------------------------------------------------------------

    def card(self, note: Note, site: str) -> Card:
        """Return what the picture says that links to *note* show elsewhere."""
        facts = [f"约 {minutes} 分钟"] if (minutes := reading_minutes(note)) else []
        facts += [f"#{tag}" for tag in note.tags[:4]]
        return Card(note.title, self.workspace.graph.summaries.get(note.path, ""), "   ".join(facts), site)

    def feed_xml(self, title: str, description: str) -> str:
        """Return the feed of the notes that are written; the site has an address."""
        site = f"{self.look.site.rstrip('/')}/"
        entries = [
            Entry(
                note.title,
                f"{site}{self.urls[path]}",
                self.workspace.graph.summaries.get(path, ""),
                self.days[path].changed,
                self.days[path].created == self.days[path].changed,
                note.tags,
            )
            for path, note in self.workspace.vault.notes.items()
            if not note.is_draft
        ]
        return feed(title, description, site, entries)

    def graph_json(self) -> bytes:
        """Return the graph for the browser."""
        return _compact(graph_data(self.shelf, self.workspace.home))

    def search_json(self) -> str:
        """Return what search looks through, all of it in one file."""
        known = self.cache.all_of("search")
        home = self.workspace.home
        entries = []
        for path, note in self.workspace.vault.notes.items():
            url = self.urls[path]
            summary = self.workspace.graph.summaries.get(path, "")
            key = _hash([self.content_key(note, url), summary, path == home])
            if kept := known.get(key):
                entries.append(kept.decode())
            else:
                entry = search_entry(note, self.around(url), url=url, summary=summary, is_home=path == home)
                entries.append(_compact(entry).decode())
                self.cache.put("search", key, entries[-1].encode())
            self.cache.keep("search", [key])
        return search_index(entries)

    @cached_property
    def nav_digests(self) -> Mapping[VaultPath | None, str]:
        """The hash of the navigation on each note's page: the way down to it and what stands beside it.

        Sections that are not on the way are pruned to a link to their first page. A page that is in no
        section has the digest of None.
        """
        found: dict[VaultPath | None, str] = {}
        notes = self.workspace.vault.notes

        def row(item: NavItem) -> list[Any]:
            first = next(item.pages(), None)
            path = first.path if first else None
            draft = item.path is not None and notes[item.path].is_draft
            return [item.title, path and self.urls[path], draft]

        def visit(items: Sequence[NavItem], above: str) -> None:
            here = _hash([above, [row(item) for item in items]])
            found.setdefault(None, here)
            for item in items:
                if item.path is not None:
                    found[item.path] = here
                visit_below(item, here)

        def visit_below(item: NavItem, here: str) -> None:
            if item.children:
                visit(item.children, _hash([here, item.title]))

        visit(self.workspace.graph.nav, "")
        return found


MEMORY: dict[MemoryKey, list[tuple[VaultPath, Mention]]] = {}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _digest_of(record: Record) -> str:
    return _hash(
        [
            record.recorded,
            dict(record.environment),
            record.seconds,
            record.peak_mib,
            dict(record.times),
            repr(record.cells),
        ]
    )
