"""References: from one key of a closure to the keys that it leads to.

Besides the keys that enter a closure there is ``pkg.mod:**``, all that a module object leads to.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from vaultsite.fingerprint.canonical import canonical, digest
from vaultsite.fingerprint.effects import Effects
from vaultsite.fingerprint.modules import Module, Modules
from vaultsite.fingerprint.names import End, Hop, Names
from vaultsite.fingerprint.order import Order
from vaultsite.fingerprint.reading import Reading, Readings
from vaultsite.fingerprint.scopes import Import
from vaultsite.fingerprint.tree import Function

SYMBOL = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)+")
READS_RESOURCES = ("importlib.resources", "importlib_resources", "pkgutil.get_data")


@dataclass
class Step:
    """One step of a closure: the entries that a key adds, and the keys that it leads to.

    *strings*, *patterns* and *folders* may name data files; *files* keeps those found, by whether folders
    and patterns count.
    """

    entries: dict[str, str] = field(default_factory=dict)
    edges: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    reads_files: bool = False
    reads_text: bool = False
    reads_everything: bool = False
    files: dict[bool, set[str]] = field(default_factory=dict)


class References:
    """The steps from all keys, each taken once."""

    def __init__(
        self, modules: Modules, names: Names, readings: Readings, effects: Effects, order: Order
    ) -> None:
        self._modules = modules
        self._names = names
        self._readings = readings
        self._effects = effects
        self._order = order
        self._steps: dict[str, Step] = {}

    def of(self, key: str) -> Step:
        """Return the step from *key*: ``mod:name``, ``mod:<module>``, ``mod:*`` or ``mod:**``."""
        if key not in self._steps:
            module_name, _, name = key.partition(":")
            module = self._modules.find(module_name)
            assert module is not None
            match name:
                case "<module>":
                    step = self._of_import(module)
                case "*":
                    step = self._of_names(module)
                case "**":
                    step = self._of_whole(module)
                case _:
                    step = self._of_unit(module, name)
            self._steps[key] = step
        return self._steps[key]

    def load(self, target: Import, step: Step) -> list[str]:
        """Add what runs when *target* is imported; return the symbols that are not there to import."""
        if not self._modules.is_ours(target.loads):
            return []
        if self._modules.find(target.loads) is None:
            return [target.loads]
        step.edges.add(f"{target.loads}:<module>")
        if not target.attr or target.attr == "*":
            return []
        if self._modules.find(target.submodule) is not None:
            step.edges.add(f"{target.submodule}:<module>")
        ends = self._names.ends_in(target.module, (target.attr,))
        if any(end.kind != "missing" for end in ends):  # one way to it leads somewhere
            return []
        return [end.shown for end in ends]

    def link(self, reading: Reading, step: Step) -> list[str]:
        """Add to *step* what *reading* reaches; return the outside names that its own hash must hold."""
        module = reading.module
        hops: list[Hop] = []
        ends = list(self._names.read_by(reading, hops))
        outside = [f"no {gone}" for target in reading.loads for gone in self.load(target, step)]
        for end, name, line in ends:
            if end.kind == "external":
                outside.append(f"{name} is {end.module}")
            self._link_end(module, end, name, line, step)
        self._link_hops(hops, step)
        for text in sorted(reading.strings):
            self._link_named(module, text, step)
        for pattern, (line, why) in reading.wholes.items():
            self._link_whole(module, pattern, f"{module.path}:{line}: {why}", step)
        step.strings |= reading.strings
        step.patterns |= reading.patterns
        step.reads_files |= reading.reads_files
        step.reads_text |= reading.reads_text
        step.reads_everything |= reading.reads_everything
        if reading.lists_files:
            step.folders.add(module.folder)
        return sorted(set(outside))

    # what each kind of key leads to

    def _of_unit(self, module: Module, name: str) -> Step:
        step = Step(edges={f"{module.name}:<module>"})
        indices = set(module.bindings[name].statements)
        reading = self._readings.of(module, name)
        mutators = self._effects.of(module).mutators.get(name, [])
        if mutators:
            others = []
            for index in mutators:
                statement = module.body[index]
                if isinstance(statement, Function | ast.ClassDef):
                    step.edges.add(f"{module.name}:{statement.name}")
                else:
                    others.append(index)
            reading = Reading(module, [*module.statements(name), *(module.body[i] for i in others)])
            indices.update(others)
        own = [module.canonical(index) for index in sorted(indices)]
        own += [self._order.before(module, index, name) for index in sorted(indices)]
        own += map(str, [*self._names.finals(module, name), *self._order.taken(module, name)])
        if reading.is_annotated:
            own.append(f"annotations {module.has_future_annotations}")
        step.entries[f"{module.name}:{name}"] = digest(*own, *self.link(reading, step))
        return step

    def _of_import(self, module: Module) -> Step:
        """Return what importing the module does, and what that imports."""
        step = Step()
        parent = module.name.rpartition(".")[0]
        if parent and self._modules.find(parent) is not None:
            step.edges.add(f"{parent}:<module>")
        effects = self._effects.of(module)
        own = [f"no {gone}" for target in module.imports for gone in self.load(target, step)]
        for index in range(len(module.body)):
            own += self._order.not_there(module, index)
        loads = [str(target) for target in module.imports if self._effects.is_effectful(target)]
        own += loads if len(loads) > 1 else []
        for index, name in sorted([*((i, "") for i in effects.statements), *effects.names]):
            own.append(name or module.canonical(index))
            if name:
                step.edges.add(f"{module.name}:{name}")
        outside = self.link(Reading(module, [module.body[i] for i in effects.statements]), step)
        if own:
            orders = [self._order.before(module, index, "") for index in effects.statements]
            step.entries[f"{module.name}:<module>"] = digest(*own, *orders, *outside)
        return step

    def _of_names(self, module: Module) -> Step:
        """Return all that the module's names mean: what ``import *`` may take."""
        step = Step(edges={f"{module.name}:<module>"})
        aliases = []
        for name, binding in sorted(module.bindings.items()):
            if not binding.is_alias:
                step.edges.add(f"{module.name}:{name}")
            for final in self._names.finals(module, name):
                aliases.append(f"{name} {final}")
                if final.kind == "unit":
                    step.edges.add(f"{final.module}:{final.name}")
                elif final.kind in ("whole", "star"):
                    step.edges.add(f"{final.module}:*")
        step.edges |= {f"{star}:*" for _, star in module.stars if self._modules.find(star) is not None}
        step.entries[f"{module.name}:*"] = digest(*aliases)
        return step

    def _of_whole(self, module: Module) -> Step:
        """Return all that a module object leads to: its names, the modules among them, its script's part."""
        step = Step(edges={f"{module.name}:*"})
        for name in module.bindings:
            ends = self._names.finals(module, name)
            step.edges |= {f"{end.module}:**" for end in ends if end.kind in ("module", "whole")}
        if module.is_package:
            below = f"{module.name}."
            step.edges |= {f"{name}:**" for name in self._modules.names() if name.startswith(below)}
        if module.script:
            own = [canonical(statement) for statement in module.script]
            outside = self.link(Reading(module, module.script), step)
            step.entries[f"{module.name}:__main__"] = digest(*own, *outside)
        return step

    # what each thing that is read leads to

    def _link_end(self, module: Module, end: End, name: str, line: int, step: Step) -> None:
        where = f"{module.path}:{line}"
        match end.kind:
            case "unit" if end.module:
                step.edges.add(f"{end.module}:{end.name}")
            case "module" | "whole":
                step.edges.add(f"{end.module}:**")
                step.notes.append(f"{where}: {name} is used as a value: all of {end.module} counts")
            case "star":
                step.edges.add(f"{end.module}:*")
                step.notes.append(f"{where}: {name} comes by import *: all of {end.module} counts")
            case "external":
                if end.module.startswith("sys.modules"):
                    self._link_whole(module, "*", f"{where}: {name}", step)
                step.reads_files |= end.module.startswith(READS_RESOURCES)

    def _link_hops(self, hops: list[Hop], step: Step) -> None:
        """Add an entry for each import on the way that says where it led."""
        led: dict[str, tuple[End, ...]] = {}
        for module, name, is_star in hops:
            key = f"{module.name}:{name}"
            if is_star:
                led[key] = (*led.get(key, ()), *self._order.taken(module, name))
            else:
                led[key] = self._order.imported(module, name)
        for key, ends in led.items():
            if any(end.kind not in ("external", "plain") for end in ends):
                step.entries[key] = digest("import", *map(str, ends))

    def _link_named(self, module: Module, text: str, step: Step) -> None:
        """Reach what a string names: ``python -m dlnotes.train``, a path for hydra or for a mock."""
        if not SYMBOL.fullmatch(text) or not self._modules.is_ours(text.partition(":")[0]):
            return
        head, *rest = text.replace(":", ".").split(".")
        for end in self._names.ends_in(head, tuple(rest)):
            if end.kind == "unit":
                step.edges.add(f"{end.module}:{end.name}")
            elif end.kind == "module":
                step.edges.add(f"{end.module}:**")
            else:
                continue
            step.notes.append(f"{module.path}: a text names {text}, which counts")

    def _link_whole(self, module: Module, pattern: str, why: str, step: Step) -> None:
        """Reach all modules that *pattern* fits, or the module itself where it is empty."""
        if pattern == "" and not module.name:  # a cell's own namespace: all that its note imported
            edges = self._of_names(module).edges | self._of_whole(module).edges
            step.edges |= {edge for edge in edges if not edge.startswith(":")}
            step.notes.append(f"{why}: all that the note imports counts")
            return
        if pattern == "":
            names = [module.name]
        elif "*" in pattern:
            names = [name for name in self._modules.names() if fnmatchcase(name, pattern)]
        else:
            names = [pattern] if self._modules.find(pattern) is not None else []
        for name in names:
            step.edges.add(f"{name}:**")
            step.notes.append(f"{why}: all of {name} counts")
