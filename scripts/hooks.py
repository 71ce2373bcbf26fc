"""MkDocs events in, vaultsite calls out: the only file that knows MkDocs."""

from __future__ import annotations

import base64
import hashlib
import html
import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

SCRIPTS = Path(__file__).resolve().parent
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from vaultsite import katex, node  # noqa: E402
from vaultsite.check import Report, address, check  # noqa: E402
from vaultsite.execute import CellFailed  # noqa: E402
from vaultsite.freeze import Record, is_quick  # noqa: E402
from vaultsite.graph import RELATIONS, Backlink, NavItem, reading_minutes  # noqa: E402
from vaultsite.markdown import HtmlWriter, Surroundings, VaultExtension, expand  # noqa: E402
from vaultsite.model import Note, Problem, VaultError, VaultPath  # noqa: E402
from vaultsite.sources import source_html, source_page  # noqa: E402
from vaultsite.workspace import (  # noqa: E402
    Workspace,
    open_workspace,
    outputs_of,
    read_settings,
    run_notes,
    write_course_map,
)

log = logging.getLogger("mkdocs.hooks.vault")
ROOT = SCRIPTS.parent
THEME = SCRIPTS / "theme"
INDEX = "index.md"
FIGURES = "assets/figures"
BINARY = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}
STATIC = {".css", ".js", ".woff2", ".svg"}

page_done: Callable[[int, int], None] | None = None
"""Told after each page how many are done, of how many; build.py's progress bar sets it."""


@dataclass
class Site:
    """One build's state."""

    workspace: Workspace
    report: Report
    extension: VaultExtension
    math: dict[tuple[str, bool], str] = field(default_factory=dict)
    sources: dict[str, Path] = field(default_factory=dict)
    files: Files | None = None
    pages: int = 0


_command = "build"
_site: Site | None = None


def on_startup(command: str, dirty: bool) -> None:  # noqa: ARG001
    global _command
    _command = command


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Read and judge the vault before MkDocs touches the old site."""
    global _site
    vault = Path(config.docs_dir).resolve()
    settings = read_settings(ROOT, vault)
    serving = _command == "serve"
    try:
        workspace = open_workspace(settings)
        if serving:
            workspace = _catch_up(workspace)
    except VaultError as error:
        raise _stop(error.problems, workspace=None) from error
    report = check(workspace, strict=settings.is_own_vault or config.strict, stale_is_fatal=not serving)
    for problem in report.problems:
        if not problem.fatal:
            log.warning(_place(problem, workspace))
    if report.fatal:
        raise _stop(report.fatal, workspace)
    extension = VaultExtension()
    config.markdown_extensions.append(extension)  # type: ignore[arg-type]
    _site = Site(workspace, report, extension)
    _site.math = _render_math(workspace)
    config.watch.append(str(settings.code))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give every note its address; add the front page, the browser's files, figures and source pages."""
    site = _current()
    notes = site.workspace.vault.notes
    for file in list(files):
        if file.is_documentation_page() and VaultPath(file.src_uri) not in notes:
            if file.src_uri.endswith(".md"):
                files.remove(file)  # `publish: false`
        elif (note := notes.get(VaultPath(file.src_uri))) is not None:
            _move(file, address(note), config)
    _add_index(files, config)
    for source, uri in _static_files():
        files.append(File.generated(config, uri, abs_src_path=str(source)))
    for record in site.workspace.records.values():
        for uri, data in _figures(record):
            if uri not in files.src_uris:
                files.append(File.generated(config, uri, content=data))
    for uri, path in _sources(site.workspace).items():
        site.sources[uri] = path
        generated = File.generated(config, uri, content=f"# {path.name}\n")
        generated.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(generated)
    config.nav = [_nav_entry(item) for item in site.workspace.graph.nav]
    site.files = files
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:  # noqa: ARG001
    """Let the front page lead on to the first note, as the navigation note itself does."""
    index = files.get_file_from_path(INDEX)
    home = _current().workspace.home
    if index is not None and index.page is not None and home is not None:
        own = files.get_file_from_path(home)
        if own is not None and own.page is not None and index.page is not own.page:
            index.page.next_page = own.page.next_page
    return nav


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Tell the Markdown extension what this page's spans become."""
    site = _current()
    site.extension.expand = None
    uri = page.file.src_uri
    if uri in site.sources:
        path = site.sources[uri]
        site.extension.expand = lambda stash: f"# {path.name}\n\n{stash(source_html(path))}"
        page.meta["search"] = {"exclude": True}
        return markdown
    note = _note_of(page)
    if note is None:
        return markdown
    around = _surroundings(note, page, site)
    site.extension.expand = lambda stash: expand(note, HtmlWriter(around, stash), around)
    if uri == INDEX:
        page.meta = {**note.meta, "title": note.title, "search": {"exclude": True}}
    elif note.path == site.workspace.home:
        page.meta.setdefault("search", {"exclude": True})  # it names every note: let the notes be found
    return markdown or " \n"


def on_page_context(context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation) -> Any:  # noqa: ARG001
    """Hand the template what crosses notes: summary, learning path, backlinks, provenance."""
    site = _current()
    site.pages += 1
    if page_done is not None and site.files is not None:
        page_done(site.pages, len(site.files.documentation_pages()))
    note = _note_of(page)
    if note is None:
        return context
    graph = site.workspace.graph

    def card(path: VaultPath) -> dict[str, str]:
        target = site.workspace.vault.notes[path]
        return {
            "title": target.title,
            "url": _url(path, page),
            "summary": graph.summaries.get(path, ""),
            "status": str(target.meta.get("status", "")),
        }

    record = site.workspace.records.get(note.path) if note.cells else None
    if (
        page.file.src_uri == INDEX
    ):  # the front page shows a note: that note's own address is the canonical one
        own = _file(note.path).page
        page.canonical_url = own.canonical_url if own else page.canonical_url
    context["vault_page"] = {
        "summary": graph.summaries.get(note.path, ""),
        "tags": list(note.tags),
        "status": str(note.meta.get("status", "")),
        "reading_minutes": reading_minutes(note),
        "provenance": _provenance(record) if record else [],
        "provenance_line": _provenance_line(record) if record else "",
        "backlinks": [
            {**card(source), "sentences": sentences}
            for source, sentences in _by_source(graph.backlinks.get(note.path, ())).items()
        ],
        **{key: [card(p) for p in graph.relations[note.path].get(key, ())] for key in RELATIONS},
        "notebook": "",
    }
    return context


def _by_source(backlinks: Iterable[Backlink]) -> dict[VaultPath, list[str]]:
    """Group the sentences that link here by the note that they stand in."""
    found: dict[VaultPath, list[str]] = {}
    for link in backlinks:
        found.setdefault(link.source, []).append(link.sentence)
    return found


def on_serve(server: LiveReloadServer, config: MkDocsConfig, builder: Any) -> LiveReloadServer:  # noqa: ARG001
    server.watch(str(THEME / "assets"))
    server.watch(str(THEME / "overrides"))
    return server


def _current() -> Site:
    assert _site is not None, "on_config runs first"
    return _site


def _stop(problems: tuple[Problem, ...], workspace: Workspace | None) -> PluginError:
    lines = [_place(problem, workspace) for problem in problems]
    return PluginError(lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} problems", *lines]))


def _place(problem: Problem, workspace: Workspace | None) -> str:
    if workspace is None:
        return str(problem)
    return f"{workspace.settings.shown(problem.path)}:{problem.line}: {problem.message}"


def _catch_up(workspace: Workspace) -> Workspace:
    """While serving: run what an edit made stale, and draw the map anew; a failure is shown, not fatal."""
    stale = [note for note in workspace.stale if note.cells]
    if workspace.map_is_stale:
        try:
            write_course_map(workspace)
        except (ImportError, FileNotFoundError) as error:
            log.warning("the course map is out of date: %s", error)
    if not stale:
        return workspace

    def started(note: Note, cell: Any) -> None:
        log.info("running %s, cell %d of %d", note.name, cell.index, len(note.cells))

    try:
        failed: list[CellFailed] = run_notes(workspace, stale, on_cell=started)
    except ImportError as error:
        log.warning("nothing can run here (%s); install requirements.txt", error)
        return workspace
    for error in failed:
        log.error("%s\n%s", _place(error.problem, workspace), error.traceback)
    return open_workspace(workspace.settings)


def _render_math(workspace: Workspace) -> dict[tuple[str, bool], str]:
    """Render every formula of the vault.

    Raises:
        PluginError: KaTeX refuses one, or there is no Node: each place is named.
    """
    where: dict[tuple[str, bool], tuple[Note, int]] = {}
    for note in workspace.vault.notes.values():
        for math in note.maths:
            where.setdefault((math.tex, math.display), (note, math.line))
    try:
        modules = node.install_libraries(THEME)
        if not where:
            return {}
        return dict(
            katex.render(
                where,
                cache=ROOT / ".cache",
                node=lambda: [node.find_node().node],
                katex=modules / "katex",
            )
        )
    except katex.BadTexError as error:
        problems = [Problem(*_spot(where[e.tex, e.display]), f"TeX: {e}") for e in error.errors]
        raise _stop(tuple(problems), workspace) from error
    except node.NodeError as error:
        raise PluginError(str(error)) from error


def _spot(place: tuple[Note, int]) -> tuple[VaultPath, int]:
    return place[0].path, place[1]


def _move(file: File, where: str, config: MkDocsConfig) -> None:
    """Serve *file* at ``/where/``."""
    directory = config.use_directory_urls
    file.dest_uri = f"{where}/index.html" if directory else f"{where}.html"
    file.abs_dest_path = str(Path(config.site_dir) / file.dest_uri)
    file.__dict__.pop("url", None)


def _add_index(files: Files, config: MkDocsConfig) -> None:
    if files.get_file_from_path(INDEX) or files.get_file_from_path("README.md"):
        return
    site = _current()
    if site.workspace.home is not None:
        text = site.workspace.vault.notes[site.workspace.home].body
    else:
        text = "\n".join(["# 全部笔记", "", *_listing(site.workspace.graph.nav, 0)])
    generated = File.generated(config, INDEX, content=text)
    generated.inclusion = InclusionLevel.NOT_IN_NAV
    files.append(generated)


def _listing(items: tuple[NavItem, ...], depth: int) -> list[str]:
    """A list of the whole navigation, as the front page of a vault that has none of its own."""
    lines = []
    for item in items:
        text = html.escape(item.title).replace("[", "\\[").replace("]", "\\]")
        if item.path is not None:
            text = f"[{text}](<{item.path}>)"
        lines.append("    " * depth + f"- {text}")
        lines += _listing(item.children, depth + 1)
    return lines


def _nav_entry(item: NavItem) -> dict[str, Any]:
    if item.path is not None:
        return {item.title: item.path}
    return {item.title: [_nav_entry(child) for child in item.children]}


def _static_files() -> list[tuple[Path, str]]:
    modules = THEME / "node_modules"
    assets = THEME / "assets"
    own = [
        (path, f"assets/dlnotes/{path.relative_to(assets).as_posix()}")
        for path in sorted(assets.rglob("*"))
        if path.suffix in STATIC
    ]
    return [*own, *katex.katex_assets(modules), *node.mermaid_assets(modules)]


def _figures(record: Record) -> list[tuple[str, bytes]]:
    return [
        (_figure_uri(mime, data), base64.b64decode(data))
        for cell in record.cells
        for output in cell.outputs
        for mime, data in output.data.items()
        if mime in BINARY
    ]


def _figure_uri(mime: str, data: str) -> str:
    digest = hashlib.sha256(base64.b64decode(data)).hexdigest()[:16]
    return f"{FIGURES}/{digest}.{BINARY[mime]}"


def _sources(workspace: Workspace) -> dict[str, Path]:
    """The pages that show a whole source file: of every module embedded and every test that reaches it."""
    settings = workspace.settings
    files = {settings.code / snippet.path for snippet in workspace.snippets.values()}
    files |= {settings.root / ref.path for refs in workspace.tests.values() for ref in refs}
    return {source_page(path, settings): path for path in sorted(files)}


def _surroundings(note: Note, page: Page, site: Site) -> Surroundings:
    workspace = site.workspace
    settings = workspace.settings

    def source_url(path: Path, first: int) -> str:
        file = _file(source_page(path, settings))
        return f"{get_relative_url(file.url, page.url)}#L-{first}"

    return Surroundings(
        resolver=workspace.resolver,
        base=VaultPath(page.file.src_uri),
        outputs=outputs_of(workspace, note),
        math=site.math,
        snippets=workspace.snippets,
        tests=workspace.tests,
        summaries=workspace.graph.summaries,
        code_url=lambda snippet: source_url(settings.code / snippet.path, snippet.first_line),
        test_url=lambda ref: source_url(settings.root / ref.path, ref.line),
        figure_url=lambda mime, data: get_relative_url(_figure_uri(mime, data), page.url),
        file_url=lambda path: _url(path, page),
    )


def _note_of(page: Page) -> Note | None:
    workspace = _current().workspace
    if page.file.src_uri == INDEX and INDEX not in workspace.vault.notes:
        return workspace.vault.notes[workspace.home] if workspace.home else None
    return workspace.vault.notes.get(VaultPath(page.file.src_uri))


def _file(uri: str) -> File:
    files = _current().files
    assert files is not None
    file = files.get_file_from_path(uri)
    assert file is not None, uri
    return file


def _url(path: VaultPath, page: Page) -> str:
    return get_relative_url(_file(path).url, page.url)


def _provenance_line(record: Record) -> str:
    profile = "完整规模" if not is_quick(record) else "快速规模"
    return f"本页结果由代码算出：{record.recorded[:10]} · {profile} · 用时 {_duration(record.seconds)}"


def _provenance(record: Record) -> list[tuple[str, str]]:
    names = {
        "device": "设备",
        "device_name": "型号",
        "profile": "规模",
        "seed": "随机种子",
        "torch": "PyTorch",
        "python": "Python",
        "platform": "系统",
    }
    rows = [(names.get(key, key), value) for key, value in record.environment.items()]
    return [
        ("运行日期", record.recorded[:10]),
        *rows,
        ("总用时", _duration(record.seconds)),
        ("内存峰值", f"{record.peak_mib} MiB"),
    ]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} 秒"
    return f"{int(seconds) // 60} 分 {int(seconds) % 60} 秒"
