"""Lighthouse on the built site, as its readers get it: served with compression, on a slow phone.

    python scripts/lighthouse.py             # build.py first; needs Node and Chromium

Each page is measured several times with Lighthouse's own mobile preset; the table gives the median score.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from vaultsite.node import NodeError, find_node, install_libraries  # noqa: E402
from vaultsite.workspace import read_settings  # noqa: E402

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = {
    "first-contentful-paint": "FCP s",
    "largest-contentful-paint": "LCP s",
    "total-blocking-time": "TBT ms",
    "cumulative-layout-shift": "CLS",
}
LEAST = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
CHROMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "pages", nargs="*", help="pages below the site (default: 导航, LeNet, the longest note)"
    )
    parser.add_argument("--site", type=Path, default=ROOT / "site")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if not (options.site / "index.html").is_file():
        print(f"lighthouse: {options.site}: no site; build it with: python scripts/build.py", file=sys.stderr)
        return 1
    chrome = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, CHROMES)), None)
    if chrome is None:
        print("lighthouse: no Chromium; install it, or set CHROME_PATH", file=sys.stderr)
        return 1
    try:
        modules = install_libraries(ROOT / "scripts" / "lighthouse")
        command = [find_node().node, str(modules / "lighthouse" / "cli" / "index.js")]
    except NodeError as error:
        print(f"lighthouse: {error}", file=sys.stderr)
        return 1
    good = True
    print(f"| page | {' | '.join(CATEGORIES)} | {' | '.join(METRICS.values())} | kB |")
    print("| --- " * (2 + len(CATEGORIES) + len(METRICS)) + "|")
    with served(options.site) as address:
        for page in options.pages or default_pages(options.site):
            url = address + quote(page)
            reports = [measure(command, chrome, url) for _ in range(options.runs)]
            scores = {c: median(r["categories"][c]["score"] * 100 for r in reports) for c in CATEGORIES}
            values = [median(r["audits"][m]["numericValue"] for r in reports) for m in METRICS]
            size = median(r["audits"]["total-byte-weight"]["numericValue"] for r in reports)
            shown = [
                f"{v / 1000:.1f}" if name.endswith(" s") else f"{v:.3g}"
                for v, name in zip(values, METRICS.values(), strict=True)
            ]
            name = page.rstrip("/").rpartition("/")[2] or "导航"
            row = [name, *(f"{scores[c]:.0f}" for c in CATEGORIES), *shown, f"{size / 1000:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)
            for category in CATEGORIES:
                if scores[category] < LEAST[category]:
                    good = False
                    why = ", ".join(lost(reports[-1], category))
                    print(f"    {category} {scores[category]:.0f} < {LEAST[category]}: {why}")
    return 0 if good else 1


def default_pages(site: Path) -> list[str]:
    """The front page, LeNet, and the longest other note."""
    notes = read_settings(ROOT, ROOT / "docs").home
    folder = (site / str(notes)).parent
    sizes = {path.parent: path.stat().st_size for path in folder.glob("*/index.html")}
    lenet = next(path for path in sizes if path.name.endswith("LeNet"))
    del sizes[lenet]
    longest = max(sizes, key=lambda path: sizes[path])
    return ["", *(f"{path.relative_to(site).as_posix()}/" for path in (lenet, longest))]


def measure(command: list[str], chrome: str, url: str) -> dict[str, Any]:
    """Return one report of Lighthouse.

    Raises:
        SystemExit: it could not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        done = subprocess.run(
            [
                *command,
                url,
                "--quiet",
                "--output=json",
                f"--output-path={out}",
                f"--only-categories={','.join(CATEGORIES)}",
                "--chrome-flags=--headless=new --no-sandbox",
            ],
            env={**os.environ, "CHROME_PATH": chrome},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if not out.is_file():
            raise SystemExit(f"lighthouse: {url}: {done.stderr.strip()[-600:]}")
        report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        if "runtimeError" in report:
            raise SystemExit(f"lighthouse: {url}: {report['runtimeError']['message']}")
        return report


def lost(report: dict[str, Any], category: str) -> Iterator[str]:
    """The audits of a category that took from its score."""
    for ref in report["categories"][category]["auditRefs"]:
        audit = report["audits"][ref["id"]]
        if ref["weight"] and audit["score"] is not None and audit["score"] < 0.9:
            yield f"{ref['id']} {audit.get('displayValue', '')}".strip()


def median(values: Any) -> float:
    return float(statistics.median(values))


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve *site* with gzip, as hosts of pages do; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressed, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class Compressed(SimpleHTTPRequestHandler):
    """Gives texts compressed, and lets the browser keep what it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        kind = self.guess_type(path.name)
        body, encoding = packed(path, path.stat().st_mtime_ns, kind)
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@lru_cache(maxsize=256)
def packed(path: Path, changed: int, kind: str) -> tuple[bytes, str]:
    """A file's bytes and their encoding; *changed* makes an edited file another one."""
    del changed
    data = path.read_bytes()
    if kind.startswith("text/") or any(word in kind for word in ("javascript", "json", "xml")):
        return gzip.compress(data), "gzip"
    return data, ""


if __name__ == "__main__":
    raise SystemExit(main())
