"""Staleness: which edits of the code change what a cell means, and which never do.

Each scenario is a small package, a cell, and an edit: `changed` is exactly what differs afterwards, `fresh`
are cells that the edit must leave alone. A name that starts with + is new, with - is gone. `by_rule`
names the rule by which something counts that this very cell may not use; `too_many` says why a scenario is
stale though nothing asks for it: the price of never missing a change.
"""

# ruff: noqa: E501 - a scenario is a row of a table
from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultsite.fingerprint import CodeBase, UnknownSymbol, canonical, changes, source_hash
from vaultsite.model import Symbol, VaultError
from vaultsite.node import find_node, install_libraries

SCRIPTS = Path(__file__).parents[2] / "scripts"
INSIDE_NODE = Path(__file__).parents[1] / "pythons"


def write(root: Path, files: dict[str, str]) -> CodeBase:
    """Write *files* below a new code root; ``a.py`` is ``dlnotes/a.py``."""
    for name, text in {"__init__.py": "", **files}.items():
        path = root / "code" / "dlnotes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return CodeBase(root / "code")


@dataclass(frozen=True)
class Scenario:
    name: str
    files: dict[str, str]
    edit: dict[str, tuple[str, str] | str]
    """Path to (old, new), or to the file's new text."""
    cell: str
    changed: str = ""
    fresh: tuple[str, ...] = ()
    before: tuple[str, ...] = field(default=())
    by_rule: str = ""
    too_many: str = ""


FIT = "from dlnotes.train import fit\nfit()"
TRAIN = """
    RATE = 0.1
    OTHER = 7

    def step(x):
        # a reason
        return x * RATE

    def fit(rounds=3):
        '''Fit.'''
        return [step(i) for i in range(rounds)]

    def unused():
        return OTHER
"""
NETS = """
    class Net:
        width = 8

        def forward(self, x):
            return self.hidden(x)

        def hidden(self, x):
            return x

        def extra(self):
            return 1

    class Wide(Net):
        width = 64

    class Wider(Wide):
        pass
"""
WIDE = "from dlnotes.nets import Wide\nWide().forward(1)"
REGISTRY = {
    "registry.py": """
        MODELS = {}

        def register(name):
            def add(cls):
                MODELS[name] = cls
                return cls
            return add

        def build(name):
            return MODELS[name]()
    """,
    "lenet.py": """
        from .registry import register

        @register("lenet")
        class LeNet:
            layers = 5

        class Plain:
            layers = 1
    """,
}
TWO = {"a.py": "def f():\n    return 1\n\ndef g():\n    return 2\n", "b.py": "def f():\n    return 3\n"}
DATA = {
    "data/table.csv": "1,2\n",
    "data/other.csv": "3,4\n",
    "load.py": """
        from pathlib import Path

        HERE = Path(__file__).parent

        def table():
            return (HERE / "data" / "table.csv").read_text()

        def any_table(name):
            return (HERE / "data" / f"{name}.csv").read_text()
    """,
}


def plain(name: str, edit: tuple[str, str], changed: str = "", **more: object) -> Scenario:
    return Scenario(name, {"train.py": TRAIN}, {"train.py": edit}, FIT, changed, **more)  # type: ignore[arg-type]


def net(name: str, edit: tuple[str, str], changed: str = "", **more: object) -> Scenario:
    return Scenario(name, {"nets.py": NETS}, {"nets.py": edit}, WIDE, changed, **more)  # type: ignore[arg-type]


def lone(name: str, text: str, edit: tuple[str, str], changed: str = "", **more: object) -> Scenario:
    cell = str(more.pop("cell", "from dlnotes.m import f\nf()"))
    return Scenario(name, {"m.py": text}, {"m.py": edit}, cell, changed, **more)  # type: ignore[arg-type]


SCENARIOS = [
    # functions
    plain("the body of a called function", ("return [step", "return [0.0, *map(step, ())] + [step"), "train:fit"),
    plain("the body of a function called by a called one", ("x * RATE", "x + RATE"), "train:step"),
    plain("a default", ("rounds=3", "rounds=4"), "train:fit"),
    plain("a constant", ("RATE = 0.1", "RATE = 0.2"), "train:RATE"),
    plain("1 becoming 1.0", ("OTHER = 7", "OTHER = 7.0"), fresh=("from dlnotes.train import step",)),
    plain("a parameter's annotation", ("rounds=3", "rounds: int = 3"), "train:fit"),
    plain("a local name", ("for i in range(rounds)", "for i in range(int(rounds))"), "train:fit"),
    plain(
        "a renamed loop variable",
        ("step(i) for i in", "step(n) for n in"),
        "train:fit",
        too_many="a local's name can be seen, by locals() or f'{x=}'",
    ),
    plain("a new function that nobody calls", ("def unused", "def late():\n    pass\n\ndef unused")),
    plain("an unreached function of the same module", ("return OTHER", "return OTHER + 1")),
    plain("an unreached constant of the same module", ("OTHER = 7", "OTHER = 8")),
    plain("a function renamed where nobody reaches it", ("def unused", "def unneeded")),
    plain("the order of functions", ("def step(x):\n", "def nothing(): ...\n\ndef step(x):\n")),
    # what has no meaning
    plain("a comment", ("# a reason", "# a better reason")),
    plain("a docstring", ("'''Fit.'''", "'''Fit a model, at length.'''")),
    plain("a docstring taken away", ("    '''Fit.'''\n", "")),
    plain("formatting", ("x * RATE", "(\n        x\n        *  RATE\n    )")),
    plain("a trailing comma and blank lines", ("range(rounds)]", "range(\n\n        rounds,\n    )]")),
    lone("the quotes of a string", "def f():\n    return 'a\"b'\n", ("'a\"b'", '"a\\"b"')),
    lone("a string in two parts", "def f(x):\n    return f'a{x}bc'\n", ("f'a{x}bc'", "f'a{x}' 'b' f'c'")),
    lone("underscores in a number", "def f():\n    return 1000000\n", ("1000000", "1_000_000")),
    lone("a pass after a docstring", "def f():\n    pass\n", ("pass", "'''Later.'''")),
    lone("an attribute's docstring", "X = 1\ndef f():\n    return X\n", ("X = 1", "X = 1\n'''One.'''")),
    lone(
        "a class's docstring",
        "class C:\n    '''Doc.'''\n    x = 1\n\ndef f():\n    return C()\n",
        ("'''Doc.'''", "'''Another.'''"),
    ),
    # names
    lone("a builtin newly shadowed", "def f():\n    return sum([1])\n", ("def f", "sum = max\n\ndef f"), "+m:sum"),
    lone(
        "a builtin shadowed by an import",
        "def f():\n    return sum([1])\n",
        ("def f", "from math import fsum as sum\n\ndef f"),
        "m:f",
    ),
    lone("a name shadowed locally", "x = 1\ndef f():\n    x = 2\n    return x\n", ("x = 1", "x = 3")),
    lone("a parameter that shadows", "x = 1\ndef f(x=0):\n    return x\n", ("x = 1", "x = 3")),
    lone("a comprehension's variable", "x = 1\ndef f():\n    return [x for x in (1,)]\n", ("x = 1", "x = 3")),
    lone("a comprehension's source", "x = 1\ndef f():\n    return [x for x in (x,)]\n", ("x = 1", "x = 3"), "m:x"),
    lone("a walrus binds locally", "x = 1\ndef f():\n    return (x := 2) + x\n", ("x = 1", "x = 3")),
    lone(
        "a walrus in a comprehension binds in the function",
        "x = 1\ndef f():\n    return [(x := n) for n in (1,)], x\n",
        ("x = 1", "x = 3"),
    ),
    lone("a walrus reads", "x = 1\ndef f():\n    return (y := x) + y\n", ("x = 1", "x = 3"), "m:x"),
    lone(
        "a global that a function declares",
        "x = 1\ndef f():\n    global x\n    x += 1\n    return x\n",
        ("x = 1", "x = 3"),
        "m:x",
    ),
    lone(
        "a class attribute is no name within methods",
        "x = 1\nclass C:\n    x = 5\n    def g(self):\n        return x\n\ndef f():\n    return C().g()\n",
        ("x = 1", "x = 3"),
        "m:x",
    ),
    lone(
        "a nested function and a closure",
        "x = 1\ndef f():\n    def g():\n        return x\n    return g()\n",
        ("x = 1", "x = 3"),
        "m:x",
    ),
    lone("a lambda's default", "x = 1\nf = lambda y=x: y\n", ("x = 1", "x = 3"), "m:x"),
    lone("a lambda's parameter", "x = 1\nf = lambda x: x\n", ("x = 1", "x = 3")),
    lone(
        "match: a pattern's class and value",
        """
        class Red: pass
        class Code: OK = 1
        def f(c):
            match c:
                case Red(): return 1
                case Code.OK: return 2
        """,
        ("OK = 1", "OK = 2"),
        "m:Code",
    ),
    lone("match: a capture", "x = 1\ndef f(c):\n    match c:\n        case [x]: return x\n", ("x = 1", "x = 3")),
    lone("except … as", "e = 1\ndef f():\n    try: pass\n    except OSError as e: return e\n", ("e = 1", "e = 3")),
    # classes
    net("a base class's method", ("return self.hidden(x)", "return self.hidden(x + 1)"), "nets:Net"),
    net("a method that is never called", ("return 1", "return 2"), "nets:Net", by_rule="a class counts whole"),
    net("an override added", ("width = 64", "width = 64\n    def hidden(self, x):\n        return 2"), "nets:Wide"),
    net("an override added in a base", ("def extra", "def late(self): ...\n    def extra"), "nets:Net"),
    net("a derived class that nobody reaches", ("    pass", "    def hidden(self, x):\n        return 9")),
    net("a class attribute", ("width = 8", "width = 9"), "nets:Net"),
    net("another base", ("class Wide(Net)", "class Wide(object)"), "nets:Wide -nets:Net"),
    net("a class keyword", ("class Net:", "class Net(metaclass=type):"), "nets:Net"),
    lone(
        "a property, a static method, a class method",
        """
        def a(): return 1
        def b(): return 2
        def c(): return 3
        class C:
            @property
            def p(self): return a()
            @staticmethod
            def s(): return b()
            @classmethod
            def k(cls): return c()
        def f(): return C().p
        """,
        ("return 2", "return 4"),
        "m:b",
    ),
    lone(
        "a dataclass's field order",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int\n    b: int\n\ndef f():\n    return C(1, 2)\n",
        ("a: int\n    b: int", "b: int\n    a: int"),
        "m:C",
    ),
    lone(
        "a dataclass's field type is a class of ours",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        class A:
            x = 1
        @dataclass
        class C:
            a: A
        def f(): return C(1)
        """,
        ("x = 1", "x = 2"),
        "m:A",
    ),
    lone(
        "a metaclass",
        "class Meta(type):\n    x = 1\n\nclass C(metaclass=Meta):\n    pass\n\ndef f():\n    return C.x\n",
        ("x = 1", "x = 2"),
        "m:Meta",
    ),
    # decorators
    lone(
        "a decorator of ours",
        "def twice(g):\n    return lambda: 2 * g()\n\n@twice\ndef f():\n    return 1\n",
        ("2 * g()", "3 * g()"),
        "m:twice",
    ),
    lone("a decorator put on", "import functools\ndef f():\n    return 1\n", ("def f", "@functools.cache\ndef f"), "m:f"),
    lone(
        "a decorator's argument",
        "N = 2\ndef times(n):\n    return lambda g: g\n\n@times(N)\ndef f():\n    return 1\n",
        ("N = 2", "N = 3"),
        "m:N",
    ),
    lone(
        "a decorator of another function",
        "def twice(g):\n    return lambda: 2 * g()\n\n@twice\ndef other():\n    return 1\n\ndef f():\n    return 1\n",
        ("2 * g()", "3 * g()"),
    ),
    # constants and what makes them
    lone("a constant changed later", "T = {}\nT['a'] = 1\n\ndef f():\n    return T\n", ("= 1", "= 2"), "m:T"),
    lone("a constant filled in a loop", "T = []\nfor i in range(3):\n    T.append(i)\n\ndef f():\n    return T\n", ("range(3)", "range(4)"), "m:T m:i"),
    lone("a constant augmented", "T = [1]\nT += [2]\n\ndef f():\n    return T\n", ("[2]", "[3]"), "m:T"),
    lone("another constant changed later", "T = {}\nT['a'] = 1\nS = 3\n\ndef f():\n    return S\n", ("= 1", "= 2")),
    lone("a constant unpacked", "a, (b, *c) = 1, (2, 3)\n\ndef f():\n    return c\n", ("3", "4"), "m:c"),
    lone(
        "the order of a name's two values",
        "A = 1\nB = A\nA = 2\n\ndef f():\n    return B\n",
        ("A = 1\nB = A\nA = 2\n", "A = 1\nA = 2\nB = A\n"),
        "m:B",
    ),
    lone("a partial", "from functools import partial\ndef g(x, y):\n    return x\n\nf = partial(g, 1)\n", ("return x", "return y"), "m:g"),
    lone(
        "a table of functions",
        "def a(): return 1\ndef b(): return 2\nT = {'a': a, 'b': b}\ndef f(): return T['a']()\n",
        ("return 2", "return 3"),
        "m:b",
    ),
    lone("if at top level", "import sys\nif sys.maxsize > 9:\n    def f(): return 1\nelse:\n    def f(): return 2\n", ("return 2", "return 3"), "m:f"),
    lone("with at top level", "from io import StringIO\nwith StringIO('1') as s:\n    X = s.read()\n\ndef f(): return X\n", ("'1'", "'2'"), "m:X m:s m:<module>"),
    lone("only the script's own part", "def f(): return 1\n\nif __name__ == '__main__':\n    f()\n", ("    f()", "    print(f())")),
    # imports
    Scenario("a re-export", {**TWO, "__init__.py": "from .a import f"}, {"a.py": ("1", "5")}, "import dlnotes\ndlnotes.f()", "a:f"),
    Scenario(
        "a re-export redirected",
        {**TWO, "__init__.py": "from .a import f"},
        {"__init__.py": "from .b import f"},
        "from dlnotes import f\nf()",
        ":f +b:f -a:f",
        fresh=("from dlnotes.a import f\nf()",),
    ),
    Scenario(
        "two re-exports swapped",
        {**TWO, "__init__.py": "from .a import f, g"},
        {"__init__.py": "from .a import f as g, g as f"},
        "from dlnotes import f, g\nf(g())",
        ":f :g",
    ),
    Scenario(
        "a re-export through three modules",
        {**TWO, "c.py": "from .a import f as h", "d.py": "from dlnotes.c import h", "__init__.py": "from .d import h"},
        {"a.py": ("1", "5")},
        "from dlnotes import h as k\nk()",
        "a:f",
    ),
    Scenario(
        "an import by another way to the same function",
        {**TWO, "__init__.py": "from .a import f", "m.py": "from . import f\ndef run():\n    return f()"},
        {"m.py": ("from . import f", "from .a import f")},
        "from dlnotes.m import run\nrun()",
    ),
    Scenario(
        "a symbol moved, its old name kept",
        TWO,
        {"a.py": "from .c import f\n\ndef g():\n    return 2\n", "c.py": "def f():\n    return 1\n"},
        "from dlnotes.a import f\nf()",
        "a:f +c:f",
        fresh=("from dlnotes.a import g\ng()",),
        by_rule="its module's name can be seen, by repr or pickle",
    ),
    Scenario("an alias", TWO, {"a.py": ("1", "5")}, "import dlnotes.a as x\nx.f()", "a:f", ("import dlnotes.a as x\nx.g()",)),
    Scenario("a module's full name", TWO, {"a.py": ("1", "5")}, "import dlnotes.a, dlnotes.b\ndlnotes.a.f()", "a:f", ("import dlnotes.a, dlnotes.b\ndlnotes.b.f()",)),
    Scenario("from package import module", TWO, {"a.py": ("1", "5")}, "from dlnotes import a\na.f()", "a:f", ("from dlnotes import a\na.g()",)),
    Scenario("an import in a function", {**TWO, "m.py": "def run():\n    from .a import f\n    return f()"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()", "a:f"),
    Scenario("a module imported in a function", {**TWO, "m.py": "def run():\n    from . import a as x\n    return x.f()"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()", "a:f"),
    Scenario("an import unused", {**TWO, "m.py": "from .a import f\ndef run():\n    return 1"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()"),
    Scenario("an import added that nobody uses", {**TWO, "m.py": "def run():\n    return 1"}, {"m.py": ("def", "from .a import f\ndef")}, "from dlnotes.m import run\nrun()"),
    Scenario(
        "try to import, else another: the first",
        {**TWO, "m.py": "try:\n    from .a import f\nexcept ImportError:\n    from .b import f"},
        {"a.py": ("1", "5")},
        "from dlnotes.m import f\nf()",
        "a:f",
    ),
    Scenario(
        "try to import, else another: the second",
        {**TWO, "m.py": "try:\n    from .a import f\nexcept ImportError:\n    from .b import f"},
        {"b.py": ("3", "5")},
        "from dlnotes.m import f\nf()",
        "b:f",
        too_many="which branch runs is not known before it runs",
    ),
    Scenario(
        "a module imported under a condition",
        {**TWO, "m.py": "import sys\nif sys.maxsize > 9:\n    from . import a as x\nelse:\n    from . import b as x\ndef run():\n    return x.f()"},
        {"a.py": ("1", "5")},
        "from dlnotes.m import run\nrun()",
        "a:f",
    ),
    Scenario(
        "an import for type checkers",
        {"a.py": "class A:\n    x = 1", "m.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import A\ndef run(a: A):\n    return 1"},
        {"a.py": ("1", "5")},
        "from dlnotes.m import run\nrun(1)",
    ),
    Scenario("a library in another's place", {"m.py": "import json as j\ndef f():\n    return j.dumps(1)"}, {"m.py": ("json", "pickle")}, "from dlnotes.m import f\nf()", "m:f"),
    Scenario("a circle of imports", {"a.py": "from . import b\ndef f(): return b.g", "b.py": "from . import a\ndef g(): return a.f, X\nX = 1"}, {"b.py": ("X = 1", "X = 2")}, "from dlnotes.a import f\nf()", "b:X"),
    Scenario("a module's function of the same name", {"lenet.py": "def lenet(): return 1\ndef other(): return 2", "__init__.py": "from .lenet import lenet"}, {"lenet.py": ("2", "3")}, "from dlnotes import lenet\nlenet()"),
    # where static reading gives up
    Scenario("import *: what is used", {**TWO, "m.py": "from .a import *\ndef run():\n    return f()"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()", "a:f"),
    Scenario("import *: what is not used", {**TWO, "m.py": "from .a import *\ndef run():\n    return f()"}, {"a.py": ("2", "5")}, "from dlnotes.m import run\nrun()", "a:g", by_rule="import * takes the whole module"),
    Scenario("import *: by a function that uses nothing of it", {**TWO, "m.py": "from .a import *\ndef run():\n    return 1"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()"),
    Scenario("import *: a builtin shadowed", {**TWO, "m.py": "from .a import *\ndef run():\n    return sum([1])"}, {"a.py": ("def g", "def sum")}, "from dlnotes.m import run\nrun()", "+a:* +a:f +a:sum +m:sum"),
    Scenario("import * in a cell", TWO, {"a.py": ("1", "5")}, "from dlnotes.a import *\nf()", "a:f"),
    Scenario("import * in an earlier cell", TWO, {"a.py": ("1", "5")}, "f()", "a:f", before=("from dlnotes.a import *",)),
    Scenario("globals()", {"m.py": "def a(): return 1\ndef run(n): return globals()[n]()"}, {"m.py": ("1", "2")}, "from dlnotes.m import run\nrun('a')", "m:a"),
    Scenario("eval of a computed text", {"m.py": "def a(): return 1\ndef run(n): return eval(n)"}, {"m.py": ("1", "2")}, "from dlnotes.m import run\nrun('a()')", "m:a"),
    Scenario("eval of a constant text", {"m.py": "def a(): return 1\ndef b(): return 2\ndef run(): return eval('a()')"}, {"m.py": ("1", "3")}, "from dlnotes.m import run\nrun()", "m:a"),
    Scenario("getattr with a constant: that one", TWO, {"a.py": ("1", "5")}, "from dlnotes import a\ngetattr(a, 'f')()", "a:f", ("from dlnotes import a\ngetattr(a, 'g')()",)),
    Scenario("getattr with a computed name", TWO, {"a.py": ("2", "5")}, "from dlnotes import a\ngetattr(a, 'fg'[0])()", "a:g", by_rule="any name may be meant"),
    Scenario("vars of a module", TWO, {"a.py": ("1", "5")}, "from dlnotes import a\nvars(a)['f']()", "a:f"),
    Scenario("a module passed on", TWO, {"a.py": ("1", "5")}, "from dlnotes import a\nshow = lambda m: m.f()\nshow(a)", "a:f"),
    Scenario("a module under another name", {**TWO, "m.py": "from . import a\nx = a\ndef run(): return x.f()"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()", "a:f"),
    Scenario("import_module with a constant", TWO, {"a.py": ("1", "5")}, "import importlib\nimportlib.import_module('dlnotes.a').f()", "a:f", ("import importlib\nimportlib.import_module('dlnotes.b').f()",)),
    Scenario("import_module with a computed name", {"nets/a.py": "X = 1", "nets/__init__.py": "", "c.py": "Y = 1"}, {"nets/a.py": ("1", "2")}, "import importlib\nname = 'a'\nimportlib.import_module(f'dlnotes.nets.{name}').X", "nets.a:X"),
    Scenario("sys.modules", {"m.py": "import sys\ndef a(): return 1\ndef run(): return getattr(sys.modules[__name__], 'a')()"}, {"m.py": ("1", "2")}, "from dlnotes.m import run\nrun()", "m:a"),
    Scenario("a module's own __getattr__", {"m.py": "def __getattr__(name):\n    return T[name]\n\nT = {'x': 1}"}, {"m.py": ("1", "2")}, "from dlnotes import m\nm.x", "m:T"),
    Scenario("subclasses looked up", {"m.py": "class A: pass\nclass B(A):\n    x = 1\ndef run(): return A.__subclasses__()"}, {"m.py": ("1", "2")}, "from dlnotes.m import run\nrun()", "m:B"),
    Scenario("a docstring that is printed", {"m.py": "def a():\n    '''One.'''\n    return 1"}, {"m.py": ("One", "Two")}, "from dlnotes.m import a\nprint(a.__doc__)", "file:m.py"),
    Scenario("source that is printed", {"m.py": "def a():\n    return 1  # one"}, {"m.py": ("# one", "# two")}, "import inspect\nfrom dlnotes.m import a\nprint(inspect.getsource(a))", "file:m.py"),
    # what importing does
    lone("a call at top level", "import json\njson.register(1)\n\ndef f():\n    return 1\n", ("register(1)", "register(2)"), "m:<module>"),
    lone("a seed set at top level", "import torch\nX = torch.manual_seed(0)\n\ndef f():\n    return torch.rand(1)\n", ("(0)", "(1)"), "m:X"),
    lone("a call that comes before or after", "import a\nX = a.get()\na.setup()\n\ndef f():\n    return X\n", ("X = a.get()\na.setup()", "a.setup()\nX = a.get()"), "m:X"),
    Scenario("another module's attribute set", {**TWO, "m.py": "from . import a\na.f = a.g\ndef run(): return 1"}, {"m.py": ("a.f = a.g", "a.f = None")}, "import dlnotes.m\nfrom dlnotes.a import f\nf()", "m:<module> -a:g", ("from dlnotes.a import g\ng()",)),
    Scenario("the package's __init__ does something", {**TWO, "__init__.py": "import os\nos.environ['A'] = '1'"}, {"__init__.py": ("'1'", "'2'")}, "from dlnotes.a import f\nf()", ":<module>"),
    Scenario("the package's __init__ without effect", {**TWO, "__init__.py": "VERSION = '1'"}, {"__init__.py": ("'1'", "'2'")}, "from dlnotes.a import f\nf()"),
    Scenario("a module imported for what it does", {**TWO, "a.py": "print('a')", "m.py": "from . import a\ndef run(): return 1"}, {"a.py": ("'a'", "'b'")}, "from dlnotes.m import run\nrun()", "a:<module>"),
    Scenario("a registered class", REGISTRY, {"lenet.py": ("5", "6")}, "import dlnotes.lenet\nfrom dlnotes.registry import build\nbuild('lenet')", "lenet:LeNet"),
    Scenario("a class beside a registered one", REGISTRY, {"lenet.py": ("layers = 1", "layers = 2")}, "import dlnotes.lenet\nfrom dlnotes.registry import build\nbuild('lenet')"),
    Scenario("a class newly registered", REGISTRY, {"lenet.py": ("class Plain", "@register('plain')\nclass Plain")}, "import dlnotes.lenet\nfrom dlnotes.registry import build\nbuild('lenet')", "lenet:<module> +lenet:Plain"),
    Scenario("a class that registers by its base", {"m.py": "class Base:\n    kinds = []\n    def __init_subclass__(cls):\n        Base.kinds.append(cls)\n\nclass A(Base):\n    x = 1\n\ndef run(): return Base.kinds"}, {"m.py": ("x = 1", "x = 2")}, "from dlnotes.m import run\nrun()", "m:A"),
    Scenario("a single-dispatch function", {"m.py": "from functools import singledispatch\n@singledispatch\ndef run(x): return 0\n@run.register\ndef _(x: int): return 1\ndef other(): return 2"}, {"m.py": ("return 1", "return 3")}, "from dlnotes.m import run\nrun(1)", "m:_", ("from dlnotes.m import other\nother()",)),
    Scenario("a constant made by a quiet function", {"m.py": "def make(): return 1\nX = make()\ndef run(): return 2"}, {"m.py": ("return 1", "return 3")}, "from dlnotes.m import run\nrun()"),
    Scenario("a constant made by a function that keeps state", {"m.py": "T = {}\ndef make():\n    T['x'] = 1\n    return 1\nX = make()\ndef run(): return 2"}, {"m.py": ("T['x'] = 1", "T['x'] = 2")}, "from dlnotes.m import run\nrun()", "m:make", too_many="importing the module calls it, and it keeps state"),
    Scenario("a class body's import", {**TWO, "m.py": "class C:\n    from .a import f\n\ndef run(): return C.f()"}, {"a.py": ("1", "5")}, "from dlnotes.m import run\nrun()", "a:f"),
    Scenario("a preferred module that comes into being", {"b.py": "def f(): return 3", "m.py": "try:\n    from .a import f\nexcept ImportError:\n    from .b import f"}, {"a.py": "def f(): return 1"}, "from dlnotes.m import f\nf()", "m:f -m:<module> +a:f"),
    Scenario("import * of a package: no submodule that is not used", {**TWO, "__init__.py": "from .a import f\nfrom . import b"}, {"b.py": ("3", "5")}, "from dlnotes import *\nf()", "", ("from dlnotes import *\nf()",)),
    Scenario("import * of a package: a submodule that is used", {**TWO, "__init__.py": "from .a import f"}, {"a.py": ("2", "5")}, "from dlnotes import *\na.g()", "a:g"),
    Scenario("a module run as a script", {"a.py": "def f(): return 1\n\nif __name__ == '__main__':\n    print(f())"}, {"a.py": ("print(f())", "print(f)")}, "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'dlnotes.a'])", "a:__main__"),
    Scenario("a module run as a script by a shell line", TWO, {"a.py": ("1", "5")}, "!python -m dlnotes.a", "a:f"),
    # data
    Scenario("a data file", DATA, {"data/table.csv": "9\n"}, "from dlnotes.load import table\ntable()", "file:data/table.csv"),
    Scenario("another data file", DATA, {"data/other.csv": "9\n"}, "from dlnotes.load import table\ntable()"),
    Scenario("a data file by a computed name", DATA, {"data/other.csv": "9\n"}, "from dlnotes.load import any_table\nany_table('other')", "file:data/other.csv"),
    Scenario("a new data file where any may be read", DATA, {"data/new.csv": "9\n"}, "from dlnotes.load import any_table\nany_table('new')", "+file:data/new.csv"),
    Scenario("a data file by importlib.resources", {"t.csv": "1", "m.py": "from importlib.resources import files\ndef run(): return files('dlnotes').joinpath('t.csv').read_text()"}, {"t.csv": "2"}, "from dlnotes.m import run\nrun()", "file:t.csv"),
    Scenario("a data file that a cell reads", {"t.csv": "1"}, {"t.csv": "2"}, "import dlnotes\nfrom pathlib import Path\n(Path(dlnotes.__file__).parent / 't.csv').read_text()", "file:t.csv"),
    # cells
    Scenario("a name that an earlier cell imports", TWO, {"a.py": ("1", "5")}, "f()", "a:f", before=("from dlnotes.a import f, g",)),
    Scenario("a name that an earlier cell imports and this one does not use", TWO, {"a.py": ("2", "5")}, "f()", before=("from dlnotes.a import f, g",)),
    Scenario("an earlier cell's function waits for this import", TWO, {"a.py": ("1", "5")}, "from dlnotes.a import f\nrun()", "a:f", before=("def run():\n    return f()",)),
    Scenario("an import that a cell does not use", TWO, {"a.py": ("2", "5")}, "from dlnotes.a import f, g\nf()"),
    Scenario("a cell with IPython magics", TWO, {"a.py": ("1", "5")}, "%matplotlib inline\nfrom dlnotes import a\n%time a.f()", "a:f", ("%matplotlib inline\nfrom dlnotes import a\n%time a.g()",)),
    Scenario("a name in an f-string", TWO, {"a.py": ("1", "5")}, "from dlnotes.a import f\nf'{f():>{f()}}'", "a:f"),
    Scenario("a cell without code of ours", TWO, {"a.py": ("1", "5")}, "import math\nmath.pi"),
]  # fmt: skip


def test_a_table_worth_its_name() -> None:
    assert len(SCENARIOS) == len({s.name for s in SCENARIOS}) >= 30
    assert all(s.changed for s in SCENARIOS if s.too_many or s.by_rule)
    assert len([s for s in SCENARIOS if s.too_many]) <= 3


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_an_edit_makes_stale_what_it_changes_and_nothing_else(scenario: Scenario, tmp_path: Path) -> None:
    before = write(tmp_path, scenario.files)
    old = before.closure_of_source(scenario.cell, scenario.before)
    old_fresh = [before.closure_of_source(cell) for cell in scenario.fresh]
    edited = {name: textwrap.dedent(text).lstrip("\n") for name, text in scenario.files.items()}
    for name, edit in scenario.edit.items():
        if isinstance(edit, str):
            edited[name] = edit
        else:
            assert edit[0] in edited[name]
            edited[name] = edited[name].replace(*edit)
    after = write(tmp_path, edited)
    new = after.closure_of_source(scenario.cell, scenario.before)

    signs = {"changed": "", "new": "+", "gone": "-"}
    found = {signs[c.kind] + re.sub(r"dlnotes[./]?", "", c.symbol) for c in changes(old.symbols, new.symbols)}
    assert found == set(scenario.changed.split())
    assert old_fresh == [after.closure_of_source(cell) for cell in scenario.fresh]
    assert CodeBase(tmp_path / "code").closure_of_source(scenario.cell, scenario.before) == new


# what closures say besides


def test_the_closure_of_a_symbol_holds_itself_and_what_it_reaches(tmp_path: Path) -> None:
    code = write(tmp_path, {"train.py": TRAIN})
    closure = code.closure(Symbol("dlnotes.train:fit"))
    assert set(closure.symbols) == {f"dlnotes.train:{name}" for name in ("fit", "step", "RATE")}
    assert closure.hash == code.hash(Symbol("dlnotes.train:fit")) != code.hash(Symbol("dlnotes.train:step"))
    assert closure.notes == ()


def test_a_method_reaches_its_class_and_a_module_all_of_it(tmp_path: Path) -> None:
    code = write(tmp_path, {"nets.py": NETS})
    assert code.closure(Symbol("dlnotes.nets:Wide.forward")) == code.closure(Symbol("dlnotes.nets:Wide"))
    assert {"dlnotes.nets:Net", "dlnotes.nets:Wider"} <= set(code.closure(Symbol("dlnotes.nets")).symbols)


def test_symbols_and_modules_are_listed(tmp_path: Path) -> None:
    code = write(tmp_path, {**TWO, "__init__.py": "from .a import f", "deep/c.py": "X = 1"})
    assert code.modules() == ("dlnotes", "dlnotes.a", "dlnotes.b", "dlnotes.deep.c")
    assert code.symbols() == ("dlnotes.a:f", "dlnotes.a:g", "dlnotes.b:f", "dlnotes.deep.c:X")


@pytest.mark.parametrize(
    ("cell", "note"),
    [
        ("from dlnotes.a import *\nf()", "the cell:2: f comes by import *: all of dlnotes.a counts"),
        ("from dlnotes import a\nprint(a)", "the cell:2: a is used as a value: all of dlnotes.a counts"),
        ("from dlnotes.m import run", None),
        ("from dlnotes.m import run\nrun()", "dlnotes/m.py:1: globals(): all of dlnotes.m counts"),
        ("%time\nimport dlnotes.a", "the cell is no plain Python: read word by word"),
    ],
)
def test_taking_a_whole_module_is_said_with_its_place(cell: str, note: str | None, tmp_path: Path) -> None:
    code = write(tmp_path, {**TWO, "m.py": "def run(): return globals()"})
    assert code.closure_of_source(cell).notes == ((note,) if note else ())


def test_changes_read_as_reasons(tmp_path: Path) -> None:
    old = {Symbol("m:a"): "1", Symbol("m:b"): "1", Symbol("m:c"): "1"}
    new = {Symbol("m:b"): "2", Symbol("m:c"): "1", Symbol("m:d"): "1"}
    assert list(map(str, changes(old, new))) == ["m:b changed", "m:d is new", "m:a is gone"]


# errors


@pytest.mark.parametrize(
    "symbol",
    ["dlnotes.train:fitt", "dlnotes.trian:fit", "dlnotes.nets:Net.forwards", "torch:fit", "dlnotes.train:"],
)
def test_an_unknown_symbol_names_close_ones(symbol: str, tmp_path: Path) -> None:
    code = write(tmp_path, {"train.py": TRAIN, "nets.py": NETS})
    with pytest.raises(UnknownSymbol) as caught:
        code.closure(Symbol(symbol))
    assert caught.value.symbol == symbol
    near = {"dlnotes.nets:Net.forwards": "dlnotes.nets:Net.forward"}.get(symbol, "dlnotes.train:fit")
    assert near in caught.value.near or symbol == "dlnotes.train:"


@pytest.mark.parametrize(
    ("cell", "symbol"),
    [
        ("from dlnotes.train import fitt", "dlnotes.train:fitt"),
        ("from dlnotes import trian", "dlnotes:trian"),
        ("import dlnotes.trian", "dlnotes.trian"),
        ("import dlnotes.train as t\nt.fitt()", "dlnotes.train:fitt"),
    ],
)
def test_a_cell_that_takes_what_is_not_there_is_an_error(cell: str, symbol: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        write(tmp_path, {"train.py": TRAIN}).closure_of_source(cell)
    assert caught.value.symbol == symbol


@pytest.mark.parametrize(
    "cell",
    [
        "from dlnotes import train\nhasattr(train, 'late') or getattr(train, 'later', None)",
        "from dlnotes import train\ntrain.hook = 1\ntrain.hook",
        "try:\n    from dlnotes.train import late\nexcept ImportError:\n    late = None",
        "from dlnotes import train\ntrain.__name__, train.__file__",
        "import torch\ntorch.anything",
    ],
)
def test_a_cell_that_is_ready_for_it_is_none(cell: str, tmp_path: Path) -> None:
    write(tmp_path, {"train.py": TRAIN}).closure_of_source(cell)


@pytest.mark.parametrize(("text", "line"), [("x = 1\ndef f(:\n", 2), ("x = '\0'\n", 1)])
def test_code_that_is_no_python_is_a_problem_with_its_place(text: str, line: int, tmp_path: Path) -> None:
    code = write(tmp_path, {"broken.py": text, "a.py": "from . import broken"})
    with pytest.raises(VaultError) as caught:
        code.closure_of_source("from dlnotes import a\na.x")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("code/dlnotes/broken.py", line)
    assert problem.message.startswith("not Python: ")


# cells' own hashes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # one\nx", "x = 1\n\nx"),
        ("f( 'a' )", 'f("a",)'),
        ("def f():\n    'doc'\n    return 1\nf()", "def f(): return 1\nf()"),
        ("%time  f()\n", "%time  f()"),
    ],
)
def test_a_cell_of_equal_meaning_has_an_equal_hash(one: str, other: str) -> None:
    assert source_hash(one) == source_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\nx", "x = 2\nx"),
        ("plot(x)", "plot(x);"),
        ("plot(x)", "plot(x); # quiet"),
        ("'shown'", "'another'"),
        ("1", "1.0"),
        ("1", "True"),
        ("f'{x!r}'", "f'{x}'"),
        ("f'{x:>3}'", "f'{x:>4}'"),
        ("'{x}'", "f'{x}'"),
        ("a\nb", "b\na"),
        ("%time f()", "%time g()"),
        ("'`x'", "`x"),
        ("['a', 'b']", "['a,b']"),
        ("f(**a)", "f(a)"),
        ("{**a}", "{None: a}"),
        ("def f(*, a, b=None): ...", "def f(*, a=None, b): ..."),
    ],
)
def test_a_cell_of_another_meaning_has_another_hash(one: str, other: str) -> None:
    assert source_hash(one) != source_hash(other)


def test_what_the_hash_is_salted_with_counts() -> None:
    assert source_hash("x") != source_hash("x", salt="raises=ValueError")


REAL = [
    *sorted((SCRIPTS / "vaultsite").rglob("*.py")),
    *sorted((SCRIPTS.parent / "code").rglob("*.py")),
    Path(__file__),
]
NOISE = ["", "# noise", "    # noise", "#" * 90, "\t# 注释"]


@settings(deadline=None)
@given(st.data())
def test_reformatting_never_changes_the_canonical_form(data: st.DataObject) -> None:
    tree = ast.parse(data.draw(st.sampled_from(REAL)).read_text(encoding="utf-8"))
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Assign)]
    node = data.draw(st.sampled_from(statements or tree.body))
    lines = ast.unparse(node).split("\n")
    inside_text = {
        line
        for n in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(n, ast.Constant | ast.JoinedStr)
        for line in range(n.lineno, n.end_lineno or n.lineno)
    }
    noisy = []
    for number, line in enumerate(lines, 1):
        noisy.append(line)
        if number not in inside_text:
            noisy[-1] += data.draw(st.sampled_from(["", "  # noise", " "]))
            noisy += data.draw(st.lists(st.sampled_from(NOISE), max_size=2))
    assert canonical("\n".join(noisy)) == canonical(ast.Module(body=[node], type_ignores=[]))


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y.z", "1", "1.5", "-2", "'a'", '"b\'"', "None", "True", "b'c'", "...", "1j"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]} + {0[1]})".format),
        st.tuples(inner, inner).map("f({0[0]}, key={0[1]})".format),
        st.tuples(inner, inner).map("[{0[0]}, {0[1]}]".format),
        inner.map("(lambda q: {})".format),
        inner.map("[n for n in {} if n]".format),
        inner.map("(w := {})".format),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_two_expressions_share_a_form_only_if_they_are_one(one: str, other: str) -> None:
    same = ast.unparse(ast.parse(one)) == ast.unparse(ast.parse(other))
    assert (canonical(one) == canonical(other)) == same


# none missed: random packages, edited and run

USES = {
    "value": "{}",
    "call": "{}()",
    "class": "{}().v()",
    "list": "sum({})",
    "table": "sum(g() for g in {}.values())",
    "object": "{}.x",
}
"""How a number is had from each kind of name."""

STATEMENTS = [
    ("value", "{new} = {n} + {e}"),
    ("value", "{value} = {e} + {n}"),
    ("value", "if {e} > {n}:\n    {new} = {n}\nelse:\n    {new} = {e}"),
    ("value", "{new}, *_ = {n}, {e}, {n}"),
    ("call", "def {new}(a={e}):\n    'doc'\n    return a + {n} + {e}"),
    ("call", "{new} = lambda: {n} + {e}"),
    ("call", "{new} = {call}"),
    ("call", "import functools\n{new} = functools.partial({call})"),
    ("call", "def {new}():\n    {list}.append({n})\n    return len({list}) + {n}"),
    ("call", "def {new}(): return globals()['{value}'] + {n}"),
    ("call", "def {new}(a={setter}() or {n}): return a"),
    ("class", "class {new}:\n    x = {n}\n    def v(self): return self.x + {e} + {n}"),
    ("class", "class {new}({class}):\n    x = {n}"),
    ("class", "class {new}({class}):\n    def v(self): return super().v() + {n}"),
    ("class", "class {new}:\n    x = {list}.append({n})\n    def v(self): return {n}"),
    ("list", "{new} = [{n}, {e}]"),
    ("list", "{new} = {list}"),
    ("", "{list}.append({e} + {n})"),
    ("", "for i in range(2):\n    {list}[0] += {n}"),
    ("", "nested = {{'a': {list}}}\nnested['a'].append({n})"),
    ("value", "def fill(z):\n    z.append({n})\n    return {n}\n{new} = fill(z={list})"),
    ("table", "{new} = {{}}"),
    ("register", "def {new}(f):\n    {table}[f.__name__] = f\n    return f"),
    ("call", "@{register}\ndef {new}(): return {n} + {e}"),
    ("decorator", "def {new}(f):\n    return lambda: f() + {n}"),
    ("call", "@{decorator}\ndef {new}(): return {n} + {e}"),
    ("setter", "def {new}():\n    global {value}\n    {value} = {n} + {e}"),
    ("", "{setter}()"),
    ("", "_ = {setter}()"),
    ("object", "{new} = {class}()"),
    ("", "{object}.x = {e} + {n}"),
    (
        "object",
        "class {new}:\n    x = {e}\n    def __init_subclass__(cls): {new}.x += cls.y\nclass Sub({new}):\n    y = {n}",
    ),
    ("call", "sum = lambda it: {n} + len(list(it))\ndef {new}(): return sum([1])"),
]
IMPORTS = [
    "from .{m} import {name}",
    "from .{m} import {name} as {new}",
    "from p.{m} import {name}",
    "try:\n    from .{m} import {name}\nexcept ImportError:\n    {name} = None",
    "from .{m} import *",
    "import p.{m}",
]
MODULE_USES = ["{}.{}", "getattr({}, '{}')", "getattr({}, '{}' + '')", "vars({})['{}']"]


class Package:
    """A random package ``p`` of modules that import each other, all of whose names lead to numbers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        self.public: dict[str, dict[str, str]] = {}
        self.files: dict[str, str] = {}
        for index in range(random.randrange(2, 5)):
            self.write(f"m{index}")
        loads = [f"from . import {m}" for m in self.public if random.random() < 0.2]
        loads += [f"from .{m} import *" for m in self.public if random.random() < 0.1]
        self.files["__init__.py"] = "\n".join(loads)

    def new(self, kind: str) -> str:
        self.count += 1
        return f"{kind or 'none'}_{self.count}"

    def write(self, module: str) -> None:
        random = self.random
        names: dict[str, str] = {}
        uses: list[str] = []
        lines: list[str] = []

        def fill(text: str, kind: str = "") -> str | None:
            fields = {"new": self.new(kind)}
            for needed in {*re.findall(r"(?<!\{)\{([a-z]+)\}", text)} - {"new", "n", "e"}:
                having = [name for name, its in names.items() if its == needed]
                if not having:
                    return None
                fields[needed] = random.choice(having)
            names.update({fields["new"]: kind} if kind and "{new}" in text else {})
            text = re.sub(r"(?<!\{)\{n\}", lambda _: str(random.randrange(3, 90)), text)
            expressions = [use for use in uses if fields["new"] not in use]
            text = re.sub(
                r"(?<!\{)\{e\}",
                lambda _: random.choice(expressions or ["7"]).replace("{", "{{").replace("}", "}}"),
                text,
            )
            if kind in USES:
                uses.append(USES[kind].format(fields["new"]))
            return text.format(**fields)

        for other, public in self.public.items():
            for _ in range(random.randrange(3) if public else 0):
                name, kind = random.choice(list(public.items()))
                if random.random() < 0.3:  # the module itself
                    alias = self.new("module")
                    lines.append(f"from . import {other} as {alias}")
                    uses += (
                        USES[k].format(random.choice(MODULE_USES).format(alias, n))
                        for n, k in public.items()
                        if k in USES
                    )
                    if kind == "value":
                        lines.append(f"{alias}.{name} = {random.randrange(3, 90)}")
                    continue
                text, new = random.choice(IMPORTS), self.new(kind)
                lines.append(text.format(m=other, name=name, new=new))
                brought = {new: kind} if "{new}" in text else {name: kind} if "{name}" in text else {}
                brought = dict(public) if "*" in text else brought
                names.update(brought)
                uses += (USES[k].format(n) for n, k in brought.items() if k in USES)
        for _ in range(random.randrange(3, 9)):
            kind, text = random.choice(STATEMENTS)
            lines += filter(None, [fill(text, kind)])
        self.public[module] = names
        self.files[f"{module}.py"] = "\n".join(lines) + "\n"

    def cell(self) -> str:
        lines, uses = [], []
        for _ in range(self.random.randrange(1, 4)):
            module = self.random.choice(list(self.public))
            names = [(n, k) for n, k in self.public[module].items() if k in USES]
            for name, kind in [self.random.choice(names)] if names else []:
                form, used = self.random.choice(
                    [
                        (f"from p.{module} import {name}", name),
                        (f"from p.{module} import *", name),
                        (f"import p.{module} as x{module}", f"x{module}.{name}"),
                        (f"from p import {module}", f"{module}.{name}"),
                    ]
                )
                lines.append(form)
                uses.append(USES[kind].format(used))
            lines.append(f"import p.{self.random.choice(list(self.public))}")
        return "\n".join([*lines, f"out = [{', '.join(uses)}]"])

    def edited(self) -> dict[str, str]:
        """Return the files with one number, or the order or number of one module's statements, changed."""
        name = self.random.choice(sorted(self.public)) + ".py"
        parts = [ast.unparse(statement) for statement in ast.parse(self.files[name]).body]
        numbers = list(re.finditer(r"(?<![\w.])\d{2,}(?!\w)", self.files[name]))
        how = self.random.random()
        if how < 0.6 and numbers:
            found = self.random.choice(numbers)
            text = self.files[name]
            return {**self.files, name: f"{text[: found.start()]}{int(found[0]) + 1000}{text[found.end() :]}"}
        if len(parts) > 1:
            index = self.random.randrange(len(parts) - 1)
            if how < 0.8:
                parts[index : index + 2] = reversed(parts[index : index + 2])
            elif how < 0.9:
                parts.append(parts[index])
            else:
                del parts[index]
        return {**self.files, name: "\n".join(parts)}


def run_cell(root: Path, files: dict[str, str], cell: str) -> object:
    """Run *cell* on a package of *files*; return what it gave, or the kind of its error."""
    for module in [m for m in sys.modules if m.partition(".")[0] == "p"]:
        del sys.modules[module]
    shutil.rmtree(root / "p", ignore_errors=True)
    (root / "p").mkdir(parents=True)
    for name, text in files.items():
        (root / "p" / name).write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    namespace: dict[str, object] = {}
    try:
        exec(cell, namespace)
    except Exception as error:
        return type(error)
    return namespace["out"]


@pytest.mark.parametrize("block", range(5))
def test_no_random_edit_that_changes_an_output_is_missed(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    seen = {"changed": 0, "left alone": 0, "too many": 0}
    size = int(os.environ.get("RANDOM_PACKAGES", "30"))
    for seed in range(block * size, (block + 1) * size):
        package = Package(Random(seed))
        cell = package.cell()
        output = run_cell(tmp_path, package.files, cell)
        if isinstance(output, type):
            continue
        symbols = CodeBase(tmp_path).closure_of_source(cell).symbols
        for _ in range(4):
            edited = package.edited()
            result = run_cell(tmp_path, edited, cell)
            if isinstance(result, type):  # code that fails is never published; tests tell of it
                continue
            differs = result != output
            try:
                is_stale = CodeBase(tmp_path).closure_of_source(cell).symbols != symbols
            except UnknownSymbol:
                is_stale = True
            assert is_stale or not differs, f"missed: {seed=}\n{cell}\n{package.files}\n{edited}"
            seen["changed" if differs else "too many" if is_stale else "left alone"] += 1
    assert seen["changed"] > size / 2
    assert seen["left alone"] > seen["too many"], seen


# other Pythons, and size

PYTHONS = ("python3.12", "python3.13", "python3.14")
"""Besides the one that runs the tests: real ones, compiled to run inside Node."""
MIXED = {
    "mixed.py": "try:\n    from .train import fit\nexcept ImportError:\n    from .nets import Net as fit\n",
    "uses.py": "from . import mixed\nfrom .mixed import *\ndef run(m=mixed):\n    return mixed.fit(), fit, m\n",
}
PRINT_HASHES = """
import sys
from pathlib import Path
from vaultsite.fingerprint import CodeBase, source_hash
code = CodeBase(Path(sys.argv[1]))
print(*(f"{symbol} {code.hash(symbol)}" for symbol in code.symbols()), sep="\\n")
print(source_hash(Path(sys.argv[2]).read_text(encoding="utf-8")))
"""
ODD = '''
x = "\\u0378 \\U0001fae9 注" + f"{1:{2}}{'a'!r:>{3}}" f"b{x = }" + f"{y:}" + rf"\\d{{{z}}}"
big = 10 ** 3 + 0xFFFF_FFFF_FFFF_FFFF_FFFF, 1e999, -0.0, 2j, ..., b"\\xff"
def f(a, /, b=1, *c, d, e=None, **g) -> "int":
    """Doc."""
    async def h():
        async with a as b, c: yield [n async for n in d]
    try: del a[1:2, ..., *b]
    except* (OSError, ValueError) as err: raise err from None
    finally: pass
    match a:
        case {"k": [1, -1, *rest], **more} | str(kind=None) as got if got: return
        case -1.5 | "s" | None | _: nonlocal_ = yield from a
class C(B, metaclass=M, k=1):
    x: int
    (y): int = 1
    z: "Later" = lambda self, *, q=1: (yield)
print(*a, **b, sep=c if d else not e, end=a < b <= c is not d not in e); a @= b; global_ = a if b else c
'''


@pytest.fixture
def everything(tmp_path: Path) -> list[str]:
    """Odd code, our own package and a note's cell below *tmp_path*; what this Python says of them."""
    code = write(tmp_path, {"train.py": TRAIN, "nets.py": NETS, "odd.py": ODD, **REGISTRY, **DATA, **MIXED})
    shutil.copytree(SCRIPTS.parent / "code" / "dlnotes", tmp_path / "code" / "ours")
    (tmp_path / "cell.py").write_text(ODD, encoding="utf-8")
    return [*(f"{symbol} {code.hash(symbol)}" for symbol in code.symbols()), source_hash(ODD)]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_hashes_are_equal_in_every_order(seed: str, everything: list[str], tmp_path: Path) -> None:
    run = [sys.executable, "-c", PRINT_HASHES, tmp_path / "code", tmp_path / "cell.py"]
    environment = {"PYTHONPATH": str(SCRIPTS), "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
    printed = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.split("\n")[:-1] == everything


@pytest.mark.parametrize("python", PYTHONS)
def test_hashes_are_equal_on_every_python(python: str, everything: list[str], tmp_path: Path) -> None:
    engine, copied = SCRIPTS / "vaultsite", tmp_path / "scripts" / "vaultsite"
    shutil.copytree(
        engine / "fingerprint", copied / "fingerprint", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("__init__.py", "model.py"):
        shutil.copy(engine / name, copied)
    install_libraries(INSIDE_NODE)
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    run = [find_node().node, str(INSIDE_NODE / "run.mjs"), python, str(tmp_path)]
    where = ["/folder/code", "/folder/cell.py"]
    done = subprocess.run(
        [*run, f"{version}\n{PRINT_HASHES}", *where], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    said, *printed = done.stdout.strip().split("\n")
    assert f"python{said}" == python
    assert printed == everything


def test_a_chain_of_a_hundred_modules_is_followed_to_its_end(tmp_path: Path) -> None:
    def module(n: int) -> str:
        parts = [f"from .m{n - 1} import f0 as g\n" if n else "def g(x): return x\n"]
        for k in range(12):
            parts.append(f'def f{k}(x, y={k}):\n    """Doc."""\n    z = [g(i) + y for i in range(x)]\n')
            parts.append("    for i in z:\n        x += i * len(z)\n    return {'x': x, 'z': z}\n\n")
        return "".join(parts)

    code = write(tmp_path, {f"m{n}.py": module(n) for n in range(100)})
    closure = code.closure_of_source("from dlnotes.m99 import f3\nf3(1)")
    assert len([s for s in closure.symbols if s.endswith(":f0")]) == 99
