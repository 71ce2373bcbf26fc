"""MkDocs events in, vaultsite calls out: the only file that knows MkDocs.

A page is written late: MkDocs reads and renders nothing while it collects the pages. When it asks the
template for a page, the hash of all that enters it is looked up; what was written before is linked in.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib
import importlib.metadata
import json
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, Template
from mkdocs.commands.build import get_context
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

SCRIPTS = Path(__file__).resolve().parent
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))

from vaultsite import katex, node  # noqa: E402
from vaultsite.addresses import address, read_ledger, redirect_page, settle, url_of, write_ledger  # noqa: E402
from vaultsite.assets import Assets  # noqa: E402
from vaultsite.cache import Cache, cache_folder  # noqa: E402
from vaultsite.cards import Card, draw, find_font  # noqa: E402
from vaultsite.check import Report, check  # noqa: E402
from vaultsite.graph import NavItem  # noqa: E402
from vaultsite.markdown import Rendered, Renderer  # noqa: E402
from vaultsite.model import Note, Problem, VaultError, VaultPath  # noqa: E402
from vaultsite.pages import Look, Pages  # noqa: E402
from vaultsite.sources import source_html, source_page  # noqa: E402
from vaultsite.stamp import stamp_of  # noqa: E402
from vaultsite.svg import embedded_pictures  # noqa: E402
from vaultsite.wiki import WikiPage, listing  # noqa: E402
from vaultsite.workspace import (  # noqa: E402
    Draft,
    Workspace,
    open_workspace,
    outputs_of,
    read_settings,
    write_course_map,
)

log = logging.getLogger("mkdocs.hooks.vault")
ROOT = SCRIPTS.parent
THEME = SCRIPTS / "theme"
FIGURES = "assets/figures"
BINARY = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}
PACKAGES = (
    "mkdocs",
    "mkdocs-material",
    "mkdocs-jupyter",
    "Markdown",
    "pymdown-extensions",
    "Pygments",
    "Jinja2",
)

page_done: Callable[[int, int], None] | None = None
"""Told after each page how many are done, of how many; build.py's progress bar sets it."""

drafts: Callable[[], Mapping[VaultPath, Draft]] = dict
"""What notes gave that are being written; build.py's serve sets it."""


class SitePage(Page):
    """A note, a source file or a page that the vault makes. Its text comes when asked for."""

    note: Note | None = None
    notebook_of: VaultPath | None = None
    """The note whose notebook the page shows."""
    text: Callable[[], Rendered]
    """Gives the page's HTML and headings."""
    key: str = ""
    """The hash of what *text* gives."""

    def read_source(self, config: MkDocsConfig) -> None:  # noqa: ARG002
        self.markdown = ""
        self.content = ""

    def render(self, config: MkDocsConfig, files: Files) -> None:
        pass


@dataclass
class Site:
    """One build's state."""

    pages: Pages
    report: Report
    cache: Cache
    config: MkDocsConfig
    started: float = field(default_factory=time.time)
    inputs: str = field(default_factory=lambda: _inputs())
    assets: Assets | None = None
    files: Files | None = None
    nav: Navigation | None = None
    templates: _Templates | None = None
    redirects: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    cards: dict[VaultPath | None, str] = field(default_factory=dict)
    done: int = 0

    @property
    def workspace(self) -> Workspace:
        return self.pages.workspace

    @functools.cached_property
    def documents(self) -> Sequence[File]:
        """The pages, asked for once: MkDocs goes through all files each time."""
        assert self.files is not None
        return self.files.documentation_pages()


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
    strict = settings.is_own_vault or config.strict
    cache = Cache(cache_folder(ROOT, vault))
    try:
        workspace = open_workspace(settings, cache, lenient=not strict)
        if serving:
            _draw_map(workspace)
            workspace = replace(workspace, drafts=drafts())
        sources = [url.removesuffix(".md") for url in _sources(workspace)]
        report = check(workspace, strict=strict, stale_is_fatal=not serving)
    except VaultError as error:
        raise _stop(error.problems, workspace=None) from error
    for problem in report.problems:
        if not problem.fatal:
            log.warning(_place(problem, workspace))
    if report.fatal:
        raise _stop(report.fatal, workspace)
    config.use_directory_urls = True
    if (notebooks := config.plugins.get("mkdocs-jupyter")) is not None:
        # The plugin parses every note to learn that it is no notebook: two thirds of a build.
        notebooks.should_include = lambda file: file.src_uri.endswith(".ipynb")
    config.theme.get_env = functools.partial(_theme_env, config.theme.get_env)  # type: ignore[method-assign]
    renderer = Renderer(config.markdown_extensions, config.mdx_configs)
    modules = _libraries()  # before anything asks for a version of what it brings
    assets = _assets(config)
    look = Look(
        _engine(config, assets), _figure_uri, config.site_url or "", config.repo_url or "", _notebook_html
    )
    pages = Pages(workspace, renderer, look, _render_math(workspace, modules), cache)
    _site = Site(pages, report, cache, config, assets=assets)
    others = [where for where, _ in pages.wiki_pages()]
    ledger = settle(workspace.vault, _ledger(workspace), [*others, *sources])
    if ledger.problems:
        raise _stop(ledger.problems, workspace)
    _site.redirects = dict(ledger.redirects)
    _site.places = dict(ledger.places)
    config.watch.append(str(settings.code))
    return config


def _theme_env(get_env: Callable[[], Environment]) -> Environment:
    """The theme's environment, which does not list the 14,000 icons of Material to find its style sheets."""
    env = get_env()
    places = env.loader.searchpath if isinstance(env.loader, FileSystemLoader) else []

    def names(extensions: Any = None, filter_func: Callable[[str], bool] | None = None) -> list[str]:  # noqa: ARG001
        found = set()
        for place in places:
            for folder, folders, files in os.walk(place):
                folders[:] = [name for name in folders if not name.startswith(".")]
                where = Path(folder).relative_to(place)
                found |= {(where / name).as_posix() for name in files}
        return sorted(name for name in found if filter_func is None or filter_func(name))

    env.list_templates = names  # type: ignore[method-assign]
    return env


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give every note its page; add the wiki's pages, the browser's files, figures and source pages."""
    site = state()
    pages, workspace = site.pages, site.workspace
    for file in list(files):
        in_vault = Path(config.docs_dir, file.src_uri).is_file()
        if in_vault and VaultPath(file.src_uri) not in workspace.vault.files:
            files.remove(file)  # notes get pages of our own; `publish: false` gets none
    titles = {page.path: page.title for item in workspace.graph.nav for page in item.pages()}
    for note in workspace.vault.notes.values():
        _add_note(files, config, note, titles.get(note.path) or note.title, address(note))
    home = workspace.vault.notes.get(workspace.home) if workspace.home else None
    if not any(address(note) == "" for note in workspace.vault.notes.values()):
        if home is not None:
            _add_note(files, config, home, home.title, "")
        else:
            text = f"<h1>全部笔记</h1>{listing(workspace.graph.nav, pages.urls, '')}"
            _add_page(files, config, "", "全部笔记", text)
    for where, made in pages.wiki_pages():
        _set_text(_add_page(files, config, where, made.title, ""), made)
    for note in pages.notebooks():
        _add_notebook(files, config, note)
    for uri, path in _sources(workspace).items():
        _add_page(
            files, config, uri.removesuffix(".md"), path.name, f"<h1>{path.name}</h1>{source_html(path)}"
        )
    assert site.assets is not None
    for file in list(files):
        if file.src_uri.startswith(("assets/javascripts/", "assets/stylesheets/")):
            files.remove(file)  # Material's: its style sheet is in ours, its scripts are not used
    for source, uri in site.assets.files:
        files.append(File.generated(config, uri, abs_src_path=str(source)))
    for uri, text in site.assets.bundles.items():
        files.append(File.generated(config, uri, content=text))
    for uri, data in _figures(workspace):
        if uri not in files.src_uris:
            files.append(File.generated(config, uri, content=data))
    files.append(File.generated(config, "assets/graph.json", content=pages.graph_json()))
    files.append(File.generated(config, "assets/search.json", content=pages.search_json()))
    if config.site_url and _command == "build":  # who shares a page asks for addresses that are whole
        site.cards = _add_cards(files, config)
        feed = pages.feed_xml(config.site_name, config.site_description or "")
        files.append(File.generated(config, "feed.xml", content=feed))
    for old, new in site.redirects.items():
        text = redirect_page(new, url_of(old))
        redirect = File.generated(config, f"{old}/index.html", content=text)
        redirect.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(redirect)
    config.nav = [_nav_entry(item) for item in workspace.graph.nav]
    site.files = files
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:  # noqa: ARG001
    """Let the front page lead on to the first note, as the navigation note itself does."""
    state().nav = nav
    index = files.get_file_from_path(_source_uri(""))
    home = state().workspace.home
    if index is not None:
        nav.homepage = index.page  # breadcrumbs begin there
    if index is not None and index.page is not None and home is not None:
        own = files.get_file_from_path(home)
        if own is not None and own.page is not None and index.page is not own.page:
            index.page.next_page = own.page.next_page
            # The front page shows a note: that note's own address is the canonical one.
            index.page.canonical_url = own.page.canonical_url
    return nav


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Take out of a person's own notebook what mkdocs-jupyter inlines into it."""
    if 'class="jupyter-wrapper"' not in html:
        return html
    return str(_notebook_view().mend(html))


def on_page_context(context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation) -> Any:  # noqa: ARG001
    """Hand the template what crosses notes: summary, learning path, backlinks, provenance."""
    site = state()
    site.done += 1
    if page_done is not None and site.files is not None:
        page_done(site.done, len(site.documents))
    if isinstance(page, SitePage) and page.note is not None:
        context["vault_page"] = site.pages.context(page.note, page.url)
    note = page.note.path if isinstance(page, SitePage) and page.note is not None else None
    context["card"] = site.cards.get(None if page.is_homepage else note) or site.cards.get(None, "")
    return context


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Any:
    for file in files:
        if not file.is_documentation_page():
            file.copy_file = functools.partial(_copy, file)  # type: ignore[method-assign]
    compiled = state().cache.folder / "templates"
    compiled.mkdir(exist_ok=True)
    assets = state().assets
    assert assets is not None
    env.globals["asset"] = assets.address
    env.bytecode_cache = FileSystemBytecodeCache(str(compiled))  # a third of a second
    state().templates = _Templates(env, config, state())
    return state().templates


def on_post_build(config: MkDocsConfig) -> None:  # noqa: ARG001
    """Only a whole site counts: then the ledger is written and the cache forgets what nothing asked for."""
    site = state()
    settings = site.workspace.settings
    if settings.is_own_vault or (settings.vault / ".addresses.json").is_file():
        try:
            if write_ledger(settings.vault, site.places) and _command == "build":
                log.warning("new addresses: commit %s", settings.shown(".addresses.json"))
        except VaultError as error:
            raise _stop(error.problems, site.workspace) from error
    site.cache.sweep()
    if _command == "build":
        site.cache.close()


def refresh() -> Callable[[Callable[[], bool]], None] | None:
    """While serving: write the pages of the notes whose text was edited, without a build.

    Return what writes the other pages that the edit shows on, to be called when nobody waits; it stops as
    soon as what it is given says so. Return nothing if more than texts changed: then a build is needed.
    """
    site = state()
    old = site.pages
    settings = old.workspace.settings
    if _inputs() != site.inputs:
        return None
    try:
        workspace = open_workspace(
            settings, site.cache, lenient=not settings.is_own_vault, before=old.workspace
        )
    except VaultError:
        return None  # the build says what is wrong
    workspace = replace(workspace, drafts=drafts())
    if not _same_but_for_texts(old.workspace, workspace):
        return None
    try:
        math = _render_math(workspace, _libraries())
    except PluginError:
        return None
    pages = Pages(workspace, old.renderer, old.look, math, site.cache)
    if pages.nav_digests != old.nav_digests or pages.tags != old.tags or pages.urls != old.urls:
        return None
    if settings.is_own_vault and check(workspace, stale_is_fatal=False).fatal:
        return None
    edited = {
        path
        for path, note in workspace.vault.notes.items()
        if note.digest != old.workspace.vault.notes[path].digest
        or workspace.drafts.get(path) != old.workspace.drafts.get(path)
    }
    site.pages = pages
    for uri, data in _figures(workspace) if workspace.drafts else ():
        _write_figure(Path(site.config.site_dir, uri), data)
    rest = []
    for page in _note_pages(site):
        assert page.note is not None
        page.note = workspace.vault.notes[page.note.path]
        page.meta = dict(page.note.meta)
        if page.note.path in edited:
            _write_again(page, site)
        else:
            rest.append(page)

    def write_the_rest(interrupted: Callable[[], bool]) -> None:
        _write_rest(site, rest, interrupted)

    return write_the_rest


def _write_figure(target: Path, data: bytes) -> None:
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _write_rest(site: Site, rest: list[SitePage], interrupted: Callable[[], bool]) -> None:
    for page in rest:
        if interrupted():
            return
        _write_again(page, site)
    for where, made in site.pages.wiki_pages():
        if interrupted():
            return
        file = site.files.get_file_from_path(_source_uri(where)) if site.files else None
        if file is not None and isinstance(file.page, SitePage):
            _set_text(file.page, made)
            _render_again(file.page, site)
    for other in list(site.files or ()):
        shown = other.page
        if isinstance(shown, SitePage) and shown.notebook_of is not None and not interrupted():
            note = site.workspace.vault.notes[shown.notebook_of]
            _set_notebook(shown, note)
            _render_again(shown, site)
            target = Path(other.abs_dest_path).parent.with_suffix(".ipynb")
            target.unlink(missing_ok=True)
            target.write_text(site.pages.notebook_file(note), encoding="utf-8")
    for name, data in (("graph", site.pages.graph_json()), ("search", site.pages.search_json().encode())):
        target = Path(site.config.site_dir, f"assets/{name}.json")
        target.unlink(missing_ok=True)
        target.write_bytes(data)


def _same_but_for_texts(old: Workspace, new: Workspace) -> bool:
    """Whether two workspaces have the same files, names and addresses."""

    def named(workspace: Workspace) -> list[tuple[Any, ...]]:
        return [(p, n.title, n.aliases, address(n), n.is_draft) for p, n in workspace.vault.notes.items()]

    return old.vault.files == new.vault.files and named(old) == named(new)


def _inputs() -> str:
    """What a page is made from besides the vault, as far as files tell: the places of build.py's INPUTS."""
    places = ("code", "scripts", "tests/dlnotes", "mkdocs.yml", "pyproject.toml")
    return stamp_of(ROOT / place for place in places)


def _note_pages(site: Site) -> Iterator[SitePage]:
    assert site.files is not None
    for file in site.files:
        if isinstance(file.page, SitePage) and file.page.note is not None:
            yield file.page


def _write_again(page: SitePage, site: Site) -> None:
    assert page.note is not None
    page.key = site.pages.content_key(page.note, page.url)
    page.text = functools.partial(site.pages.content, page.note, page.url, page.key)
    _render_again(page, site)


def _render_again(page: SitePage, site: Site) -> None:
    assert site.nav is not None
    assert site.files is not None
    assert site.templates is not None
    page.active = True
    try:
        context = get_context(site.nav, site.documents, site.config, page)
        shown = on_page_context(dict(context), page, site.config, site.nav)
        site.templates.get_template("main.html").render(shown)
    finally:
        page.active = False


def on_serve(server: LiveReloadServer, config: MkDocsConfig, builder: Any) -> LiveReloadServer:  # noqa: ARG001
    server.watch(str(THEME / "assets"))
    server.watch(str(THEME / "overrides"))
    return server


def drop_leftovers() -> int:
    """Delete from the site's folder what this build did not make; return how many pages are left.

    What is newer than the build was written by somebody else's plugin and stays.
    """
    site = state()
    assert site.files is not None
    root = Path(site.config.site_dir)
    made = (
        {file.dest_uri for file in site.files} | {"sitemap.xml.gz"} | set(site.config.theme.static_templates)
    )
    pages = 0
    for folder, _, names in os.walk(root, topdown=False):
        where = Path(folder).relative_to(root).as_posix()
        for name in names:
            uri = name if where == "." else f"{where}/{name}"
            path = os.path.join(folder, name)  # noqa: PTH118 - thousands of them
            if uri not in made and os.stat(path).st_ctime < site.started:  # noqa: PTH116
                os.unlink(path)  # noqa: PTH108
            else:
                pages += name.endswith(".html")
        if where != ".":
            with contextlib.suppress(OSError):  # not empty: it stays
                os.rmdir(folder)  # noqa: PTH106
    return pages


def _copy(file: File, dirty: bool = False) -> None:  # noqa: ARG001
    """Put a file that is no page in its place, unless it is there; never into a file that has other names.

    A tree that is used again may hold a page there: one file with the cache's and the old site's.
    """
    target = Path(file.abs_dest_path)
    if file.abs_src_path is not None:
        source = Path(file.abs_src_path)
        stat = source.stat()
        if _looks_like(target, stat.st_size, stat.st_mtime_ns):
            return
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return
    content = file.content_bytes
    with contextlib.suppress(OSError):
        if target.stat().st_nlink == 1 and target.read_bytes() == content:
            return
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _looks_like(target: Path, size: int, mtime: int) -> bool:
    try:
        stat = target.stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns, stat.st_nlink) == (size, mtime, 1)


class _Templates:
    """The theme's templates, with those of pages behind the cache."""

    def __init__(self, env: Environment, config: MkDocsConfig, site: Site) -> None:
        self._env = env
        self._config = config
        self._site = site

    def get_template(self, name: str) -> Any:
        return _CachedTemplate(self._env.get_template(name), self._config, self._site)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)


class _CachedTemplate:
    def __init__(self, template: Template, config: MkDocsConfig, site: Site) -> None:
        self._template = template
        self._config = config
        self._site = site

    def render(self, context: dict[str, Any]) -> str:
        """Return a page's HTML; nothing if the finished page was put in its place already."""
        page = context.get("page")
        if not isinstance(page, SitePage):
            return str(self._template.render(context))
        cache = self._site.cache
        key = self._key(page, context)
        target = Path(page.file.abs_dest_path)
        if cache.page(key, target):
            return ""
        text = page.text()
        page.content, page.toc = text.html, get_toc(text.toc)  # type: ignore[arg-type]
        output = _tight(str(self._template.render(context)))
        page.content, page.toc = "", get_toc([])
        cache.put_page(key, output.encode("utf-8", "xmlcharrefreplace"), target)
        return ""

    def _key(self, page: SitePage, context: dict[str, Any]) -> str:
        def neighbour(other: Page | None) -> Any:
            return other and [other.url, other.title]

        config = self._config
        parts = [
            self._site.pages.look.engine,
            [config.site_name, config.site_url, config.repo_url, config.site_description, _command],
            [page.url, page.title, page.canonical_url, page.is_homepage, page.meta],
            [neighbour(page.previous_page), neighbour(page.next_page)],
            _nav_of(self._site, page),
            page.key,
            context.get("vault_page"),
            context.get("card"),
        ]
        text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _NoEmptyPages(logging.Filter):
    """MkDocs says of every page that the cache wrote that it is empty."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Generated empty output" not in record.getMessage()


logging.getLogger("mkdocs.commands.build").addFilter(_NoEmptyPages())


def _tight(page: str) -> str:
    """Drop the empty lines of the sidebar: the theme writes some for every page of every section.

    They would be half of a page, and would change when a note is added anywhere.
    """
    start = page.find('data-md-component="sidebar" data-md-type="navigation"')
    end = page.find('data-md-component="content"', start)
    if start < 0 or end < 0:
        return page
    return page[:start] + re.sub(r"\s*\n\s*", "\n", page[start:end]) + page[end:]


def _nav_of(site: Site, page: SitePage) -> str:
    digests = site.pages.nav_digests
    in_nav = page.note is not None and page.file.src_uri == page.note.path
    return digests.get(page.note.path if in_nav and page.note else None) or digests[None]


def _source_uri(where: str) -> str:
    """What MkDocs knows a page by that is no note: no note's path begins with a dot."""
    return f".pages/{where}/index.md" if where else ".pages/index.md"


def _add(files: Files, config: MkDocsConfig, uri: str, title: str, where: str) -> SitePage:
    if old := files.get_file_from_path(uri):
        files.remove(old)
    file = File(
        uri, config.docs_dir, config.site_dir, True, dest_uri=f"{where}/index.html" if where else "index.html"
    )
    file.generated_by = "vaultsite"
    file.inclusion = InclusionLevel.NOT_IN_NAV
    files.append(file)
    return SitePage(title, file, config)


def _add_note(files: Files, config: MkDocsConfig, note: Note, title: str, where: str) -> None:
    pages = state().pages
    page = _add(files, config, note.path if where else _source_uri(""), title, where)
    page.note = note
    page.meta = dict(note.meta)
    page.meta.pop("template", None)  # a person's own word, not MkDocs'
    page.key = pages.content_key(note, page.url)
    page.text = functools.partial(pages.content, note, page.url, page.key)
    page.update_date = pages.shelf.dates.get(note.path, "")


def _add_notebook(files: Files, config: MkDocsConfig, note: Note) -> None:
    """The page that shows a note's notebook, and the file to download."""
    where = f"{address(note)}/notebook"
    page = _add_page(files, config, where, f"{note.title} · Notebook", "")
    page.notebook_of = note.path
    _set_notebook(page, note)
    files.append(File.generated(config, f"{where}.ipynb", content=state().pages.notebook_file(note)))


def _set_notebook(page: SitePage, note: Note) -> None:
    pages = state().pages
    page.key = pages.notebook_key(note)
    page.text = functools.partial(pages.notebook_page, note)


def _notebook_html(notebook: dict[str, Any], slugs: Sequence[str], folded: Sequence[tuple[int, str]]) -> str:
    view = _notebook_view()
    return str(view.mend(view.render(notebook), slugs, folded=folded))


def _notebook_view() -> ModuleType:
    """notebook_view, only where it is needed: nbconvert takes a second to import."""
    if str(SCRIPTS) not in sys.path:  # MkDocs takes back the place that it gave us
        sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module("notebook_view")


def _set_text(page: SitePage, made: WikiPage) -> None:
    text = f"<h1>{_escaped(made.title)}</h1>{made.body}"
    page.key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    page.text = lambda: Rendered(text, [])


def _add_page(files: Files, config: MkDocsConfig, where: str, title: str, text: str) -> SitePage:
    page = _add(files, config, _source_uri(where), title, where)
    page.key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    page.text = lambda: Rendered(text, [])
    page.update_date = max(state().pages.shelf.dates.values())
    return page


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _ledger(workspace: Workspace) -> dict[str, str]:
    return read_ledger(workspace.settings.vault)


def _engine(config: MkDocsConfig, assets: Assets) -> str:
    """The hash of all that is the same for every page: code, theme, settings, packages."""
    files = [
        Path(__file__),
        SCRIPTS / "notebook_view.py",
        *sorted((SCRIPTS / "vaultsite").rglob("*.py")),
        *sorted((THEME / "overrides").rglob("*.html")),
        THEME / "package-lock.json",
        Path(config.config_file_path or ROOT / "mkdocs.yml"),
        ROOT / "pyproject.toml",
    ]
    digest = hashlib.sha256(" ".join(map(importlib.metadata.version, PACKAGES)).encode())
    for file in files:
        digest.update(file.read_bytes())
    digest.update(assets.digest.encode())
    return digest.hexdigest()


def state() -> Site:
    """Return the state of the build that runs or ran last."""
    assert _site is not None, "on_config runs first"
    return _site


def _stop(problems: tuple[Problem, ...], workspace: Workspace | None) -> PluginError:
    lines = [_place(problem, workspace) for problem in problems]
    return PluginError(lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} problems", *lines]))


def _place(problem: Problem, workspace: Workspace | None) -> str:
    if workspace is None:
        return str(problem)
    return f"{workspace.settings.shown(problem.path)}:{problem.line}: {problem.message}"


def _draw_map(workspace: Workspace) -> None:
    """While serving: draw the map anew if the notes' links changed; a failure is shown, not fatal."""
    if workspace.map_is_stale:
        try:
            write_course_map(workspace)
        except (ImportError, FileNotFoundError) as error:
            log.warning("the course map is out of date: %s", error)


def _libraries() -> Path:
    """Install the browser's libraries unless they are there; return their folder.

    Raises:
        PluginError: there is no Node, or npm fails.
    """
    try:
        return node.install_libraries(THEME)
    except node.NodeError as error:
        raise PluginError(str(error)) from error


def _render_math(workspace: Workspace, modules: Path) -> dict[tuple[str, bool], str]:
    """Render every formula of the vault with the KaTeX in *modules*.

    Raises:
        PluginError: KaTeX refuses one, or there is no Node: each place is named.
    """
    where: dict[tuple[str, bool], tuple[Note, int]] = {}
    for note in workspace.vault.notes.values():
        for math in note.maths:
            where.setdefault((math.tex, math.display), (note, math.line))
    if not where:
        return {}
    try:
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


def _nav_entry(item: NavItem) -> dict[str, Any]:
    if item.path is not None:
        return {item.title: item.path}
    return {item.title: [_nav_entry(child) for child in item.children]}


def _assets(config: MkDocsConfig) -> Assets:
    sheets = [
        path for place in config.theme.dirs for path in Path(place).glob("assets/stylesheets/main.*.css")
    ]
    if not sheets:
        raise PluginError(
            "mkdocs.yml: the theme has no style sheet assets/stylesheets/main.*.css; it must be material"
        )
    return Assets(THEME, sheets[0])


def _add_cards(files: Files, config: MkDocsConfig) -> dict[VaultPath | None, str]:
    """Draw a card for every note and one for the site; return their addresses on the web."""
    font = find_font()
    if font is None:
        log.warning("no font with Chinese was found: shared links show no picture (try the package mplfonts)")
        return {}
    site = state()
    cards: dict[VaultPath | None, Card] = {None: Card(config.site_name, config.site_description or "")}
    for path, note in site.workspace.vault.notes.items():
        if path != site.workspace.home:  # it stands for the site
            cards[path] = site.pages.card(note, config.site_name)
    keys = {card: card.key(font) for card in set(cards.values())}
    pictures = {card: kept for card, key in keys.items() if (kept := site.cache.get("card", key)) is not None}
    new = [card for card in keys if card not in pictures]
    with ThreadPoolExecutor() as threads:
        for card, picture in zip(new, threads.map(lambda card: draw(card, font), new), strict=True):
            pictures[card] = picture
            site.cache.put("card", keys[card], picture)
    address = {card: f"assets/cards/{key[:16]}.png" for card, key in keys.items()}
    for card, uri in address.items():
        files.append(File.generated(config, uri, content=pictures[card]))
    base = f"{str(config.site_url).rstrip('/')}/"
    return {path: base + address[card] for path, card in cards.items()}


def _figures(workspace: Workspace) -> Iterator[tuple[str, bytes]]:
    """Yield every picture of the outputs that is no SVG, and those inside one, with their addresses."""
    for note in workspace.vault.notes.values():
        for outputs in outputs_of(workspace, note) if note.cells else ():
            for output in outputs or ():
                pictures = [(mime, data) for mime, data in output.data.items() if mime in BINARY]
                pictures += embedded_pictures(output.data.get("image/svg+xml", ""))
                for mime, data in pictures:
                    yield _figure_uri(mime, data), base64.b64decode(data)


def _figure_uri(mime: str, data: str) -> str:
    digest = hashlib.sha256(base64.b64decode(data)).hexdigest()[:16]
    return f"{FIGURES}/{digest}.{BINARY[mime]}"


def _sources(workspace: Workspace) -> dict[str, Path]:
    """The pages that show a whole source file: of every module embedded and every test that reaches it."""
    settings = workspace.settings
    files = {settings.code / snippet.path for snippet in workspace.snippets.values()}
    files |= {settings.root / ref.path for refs in workspace.tests.values() for ref in refs}
    return {source_page(path, settings): path for path in sorted(files)}
