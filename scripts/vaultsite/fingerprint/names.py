"""Names: from what a piece of code reads to where it is defined, through imports, re-exports and stars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.reading import Reading
from vaultsite.fingerprint.scopes import Import
from vaultsite.fingerprint.tree import Chain

DUNDER = re.compile(r"__\w+__")


class End(NamedTuple):
    """What a chain leads to. Of *whole* and *star* modules all must be taken, of *star* for ``import *``.

    *plain* is an attribute that no code of ours defines: ``train.__name__``.
    """

    kind: Literal["unit", "module", "external", "missing", "whole", "star", "plain"]
    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.module}:{self.name}"

    @property
    def shown(self) -> str:
        """Return its name as a symbol."""
        return f"{self.module}:{self.name}" if self.name else self.module


class Hop(NamedTuple):
    """A name that only passes a module on its way: by the module's own import, or by its ``import *``."""

    module: Module
    name: str
    is_star: bool


class Names:
    """Where the names of all modules lead, as far as their text says.

    *hops*, where given, collects the imports that a chain passes through.
    """

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._finals: dict[tuple[str, str], tuple[End, ...]] = {}
        self._following: list[tuple[str, str]] = []

    def ends(self, module: Module, chain: Chain, hops: list[Hop] | None = None) -> list[End]:
        """Return all that *chain* may mean in *module*; nothing for a builtin."""
        head, rest = chain[0], chain[1:]
        ends: list[End] = []
        binding = module.bindings.get(head)
        if binding is not None:
            if not binding.is_alias:
                ends.append(End("unit", module.name, head))
            if module.name:
                finals = self.finals(module, head)
                if hops is not None and finals and binding.is_alias:
                    hops.append(Hop(module, head, is_star=False))
                for final in finals:
                    ends += self._beyond(final, rest, hops)
            else:  # a cell's imports are its own text; what counts is where they lead from there
                for target in binding.imports:
                    ends += self.ends_of(target, rest, hops)
        stars = [star for _, star in self.stars(module, head)]
        for star in stars:
            ends.append(End("star", star))
            ends += self.ends_in(star, chain, hops)
        if stars and module.name and hops is not None and (binding is None or binding.is_alias):
            hops.append(Hop(module, head, is_star=True))
        if module.is_package:
            below = End("module", f"{module.name}.{head}")
            # `from .lenet import lenet` in __init__ hides the submodule for good: it was loaded before
            is_hidden = binding is not None and any(
                t.loads == below.module and t.attr for t in binding.imports
            )
            if not is_hidden and self._modules.find(below.module) is not None and below not in ends:
                ends += self._beyond(below, rest, hops)
        return ends

    def ends_in(self, name: str, chain: Chain, hops: list[Hop] | None = None) -> list[End]:
        """Return all that *chain* may mean as attributes of the module *name*."""
        module = self._modules.find(name)
        if module is None:
            if self._modules.is_ours(name):
                return [End("missing", name)]
            return [End("external", ".".join((name, *chain)))]
        ends = self.ends(module, chain, hops)
        if ends:
            return ends
        if chain[0] == "__dict__":
            return [End("whole", name)]
        if "__getattr__" in module.bindings:
            return [*self.ends(module, ("__getattr__",)), End("whole", name)]
        is_plain = DUNDER.fullmatch(chain[0]) or not all(
            self._modules.is_ours(star) for _, star in module.stars
        )
        return [End("plain" if is_plain else "missing", name, chain[0])]

    def ends_of(self, target: Import, rest: Chain, hops: list[Hop] | None = None) -> list[End]:
        """Return all that the attributes *rest* of an imported name may mean."""
        chain = (target.attr, *rest) if target.attr else rest
        if chain:
            return self.ends_in(target.module, chain, hops)
        return [self._module(target.module)]

    def read_by(self, reading: Reading, hops: list[Hop] | None = None) -> Iterator[tuple[End, str, int]]:
        """Yield all that a piece of code may mean: each end with the name that leads there and its line."""
        for chain, line in reading.chains.items():
            for end in self.ends(reading.module, chain, hops):
                yield end, ".".join(chain), line
        for (target, rest), line in reading.local_chains.items():
            name = ".".join((target.attr or target.module, *rest))
            for end in self.ends_of(target, rest, hops):
                yield end, name, line

    def finals(self, module: Module, name: str) -> tuple[End, ...]:
        """Return what the imports of *name* lead to in the end, in their order."""
        key = (module.name, name)
        if module.name and key in self._finals:
            return self._finals[key]
        if key in self._following:
            return ()
        self._following.append(key)
        ends: list[End] = []
        for target in module.bindings[name].imports:
            if target.attr:
                ends += self.ends_in(target.module, (target.attr,))
                continue
            if self._modules.find(target.module) is not None:
                parent, _, last = target.module.rpartition(".")
                if parent and (home := self._modules.find(parent)) is not None and last in home.bindings:
                    ends += self.ends_in(parent, (last,))  # `import a.b as c` takes a's attribute b
            ends.append(self._module(target.module))
        self._following.pop()
        finals = tuple(dict.fromkeys(ends))
        if not self._following:  # within a circle of imports, the answer is not yet whole
            self._finals[key] = finals
        return finals

    def home(self, end: End) -> Module | None:
        """Return the module that defines a unit; None for a cell's own names and for all that is no unit."""
        return self._modules.find(end.module) if end.kind == "unit" else None

    def stars(self, module: Module, name: str) -> list[tuple[int, str]]:
        """Return the ``import *`` of *module* that may give it *name*, with their statements' indices."""
        return [(at, star) for at, star in module.stars if self._provides(star, name, set())]

    def _module(self, name: str) -> End:
        if self._modules.find(name) is not None:
            return End("module", name)
        return End("missing" if self._modules.is_ours(name) else "external", name)

    def _beyond(self, end: End, rest: Chain, hops: list[Hop] | None) -> list[End]:
        if not rest:
            return [end]
        if end.kind == "module":
            return self.ends_in(end.module, rest, hops)
        if end.kind == "external":
            return [End("external", ".".join((end.module, *rest)))]
        return [end]

    def _provides(self, star: str, name: str, seen: set[str]) -> bool:
        module = self._modules.find(star)
        if module is None or star in seen:
            return False
        seen.add(star)
        if name.startswith("_") and "__all__" not in module.bindings:
            return False
        if name in module.bindings or any(self._provides(s, name, seen) for _, s in module.stars):
            return True
        return module.is_package and self._modules.find(f"{star}.{name}") is not None
