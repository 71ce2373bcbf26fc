"""Data files: those below the code root that a text in reached code names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from vaultsite.fingerprint.modules import Modules
from vaultsite.fingerprint.references import Step


class DataFiles:
    """The files below the code root, listed when the first name is looked up, each hashed once."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._paths: list[str] = []
        self._by_suffix: dict[str, list[str]] | None = None
        self._hashes: dict[str, str] = {}

    def named_by(self, steps: Sequence[Step]) -> set[str]:
        """Return the paths, from the code root, of all files that *steps* name."""
        reads_files = any(step.reads_files for step in steps)
        for step in steps:
            if reads_files not in step.files:
                step.files[reads_files] = self._named(step, reads_files)
        return {path for step in steps for path in step.files[reads_files]}

    def hash(self, path: str) -> str:
        """Return the hash of a file's content."""
        if path not in self._hashes:
            data = (self._modules.root / path).read_bytes()
            self._hashes[path] = hashlib.sha256(data).hexdigest()[:20]
        return self._hashes[path]

    def _named(self, step: Step, reads_files: bool) -> set[str]:
        """Return the files that a step's texts name; folders and patterns only where files are looked up."""
        by_suffix = self._listed()
        found: set[str] = set()
        for text in step.strings:
            name = re.sub(r"^(?:\.{0,2}/)+", "", text).rstrip("/")
            found.update(by_suffix.get(name, ()))
            if reads_files:
                found.update(p for p in by_suffix.get(f"{name}/", ()) if not p.endswith(".py"))
        patterns = step.patterns | {text for text in step.strings if "*" in text}
        for path in self._paths if reads_files and (patterns or step.folders) else ():
            if not path.endswith(".py") and (
                any(fnmatchcase(path, f"*{pattern}") for pattern in patterns)
                or any(path.startswith(f"{folder}/") for folder in step.folders)
            ):
                found.add(path)
        return found

    def _listed(self) -> dict[str, list[str]]:
        """Return the files by every end of their path, and by every part of it that ends in a folder."""
        if self._by_suffix is None:
            self._by_suffix = {}
            for file in self._modules.files():
                path = file.relative_to(self._modules.root).as_posix()
                self._paths.append(path)
                parts = path.split("/")
                for start in range(len(parts)):
                    self._by_suffix.setdefault("/".join(parts[start:]), []).append(path)
                    for end in range(start + 1, len(parts)):
                        self._by_suffix.setdefault("/".join(parts[start:end]) + "/", []).append(path)
        return self._by_suffix
