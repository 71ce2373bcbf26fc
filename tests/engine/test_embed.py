"""From symbols to lines and to tests."""

from __future__ import annotations

import textwrap
from pathlib import Path
from unittest.mock import Mock

import pytest

from vaultsite import embed, workspace
from vaultsite.cache import Cache
from vaultsite.embed import TestRef, snippet
from vaultsite.fingerprint import CodeBase, UnknownSymbol
from vaultsite.model import Symbol
from vaultsite.workspace import Settings, open_workspace

LENET = '''
"""LeNet."""

import functools
from typing import overload

from .blocks import Block

# Eight of them,
# as in the paper.
SIZES = (
    1,
    2,
)
"""Sizes, in order."""

LONE = 1

if LONE:
    CHOSEN = 1
else:
    CHOSEN = 2


@functools.cache
def build(n: int) -> str:
    """Build it.

  Less indented.
    """
    return """
left""" + str(n)


class LeNet(Block):
    # no part of it
    width = 3  # after

    @property
    def size(self) -> int:
        return 1

    @functools.cached_property
    def depth(self) -> int:
        """Deep.

        Very.
        """
        return 2

    class Config:
        rate = 1

        def best(self): return self.rate

    # The padding.
    pad = 2


@overload
def twice(x: int) -> int: ...
@overload
def twice(x: str) -> str: ...
def twice(x):
    return x * 2
'''
FILES = {
    "__init__.py": "from .nets import LeNet as Net, nothing_else\nfrom . import nets",
    "nets/__init__.py": "from dlnotes.nets.lenet import LeNet, build as nothing_else",
    "nets/lenet.py": LENET,
    "nets/blocks.py": "class Block:\n    def forward(self, x):\n        return x\n\n\ndef unused(): ...\n",
}
TESTS = {
    "conftest.py": """
        import pytest
        from dlnotes import Net

        @pytest.fixture
        def net(kind):
            return Net()

        @pytest.fixture
        def kind():
            return 1
    """,
    "test_nets.py": """
        import pytest
        from dlnotes.nets import blocks, lenet
        from dlnotes.nets.lenet import SIZES, build as make

        def helper():
            return make(1)

        @pytest.mark.parametrize("size", SIZES)
        def test_sizes(size):
            assert size

        def test_by_a_helper():
            assert helper()

        def test_by_a_fixture(net):
            assert net.size

        class TestBlock:
            @pytest.fixture
            def block(self):
                return blocks.Block()

            def test_forward(self, block):
                assert block.forward(1)

            @pytest.mark.usefixtures("net")
            def test_named(self):
                assert True

        def test_nothing():
            assert lenet.twice(1)

        def no_test():
            return blocks.unused()
    """,
    "deep/helpers.py": "from dlnotes import Net\n\ndef check():\n    return Net()\n",
    "deep/test_more.py": """
        async def test_async():
            from dlnotes import nothing_else
            assert nothing_else
    """,
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


@pytest.fixture
def code(tmp_path: Path) -> CodeBase:
    write(tmp_path / "code" / "dlnotes", FILES)
    return CodeBase(tmp_path / "code")


@pytest.mark.parametrize(
    ("symbol", "starts", "ends"),
    [
        ("SIZES", "# Eight of them,\n# as in", '\n)\n"""Sizes, in order."""'),
        ("LONE", "LONE = 1", "LONE = 1"),
        ("CHOSEN", "if LONE:\n    CHOSEN = 1", "\n    CHOSEN = 2"),
        ("build", "@functools.cache\ndef build(n: int)", '\nleft""" + str(n)'),
        ("LeNet", "class LeNet(Block):\n    # no part", "\n    pad = 2"),
        ("LeNet.size", "@property\ndef size(self)", "\n    return 1"),
        (
            "LeNet.depth",
            '@functools.cached_property\ndef depth(self) -> int:\n    """Deep.\n\n    Ve',
            "\n    return 2",
        ),
        ("LeNet.width", "# no part of it\nwidth = 3", "width = 3  # after"),
        ("LeNet.pad", "# The padding.\npad = 2", "pad = 2"),
        ("LeNet.Config", "class Config:\n    rate = 1", "return self.rate"),
        ("LeNet.Config.best", "def best(self)", "return self.rate"),
        ("twice", "def twice(x):", "return x * 2"),
    ],
)
def test_a_snippet_is_the_symbol_s_lines(code: CodeBase, symbol: str, starts: str, ends: str) -> None:
    found = snippet(code, Symbol(f"dlnotes.nets.lenet:{symbol}"))
    assert found.source.startswith(starts)
    assert found.source.endswith(ends)
    assert (found.symbol, found.path) == (f"dlnotes.nets.lenet:{symbol}", "dlnotes/nets/lenet.py")
    lines = (code.root / found.path).read_text(encoding="utf-8").split("\n")
    shown = [line.strip() for line in found.source.split("\n")]
    assert [line.strip() for line in lines[found.first_line - 1 : found.last_line]] == shown


def test_a_text_within_a_snippet_keeps_its_margin(code: CodeBase) -> None:
    assert "\n  Less indented.\n" in snippet(code, Symbol("dlnotes.nets.lenet:build")).source


@pytest.mark.parametrize(
    ("symbol", "where"),
    [
        ("dlnotes:Net", "dlnotes.nets.lenet:LeNet"),
        ("dlnotes:Net.size", "dlnotes.nets.lenet:LeNet.size"),
        ("dlnotes.nets:nothing_else", "dlnotes.nets.lenet:build"),
        ("dlnotes.nets.lenet:LeNet.forward", "dlnotes.nets.blocks:Block.forward"),
        ("dlnotes:nets", "dlnotes.nets"),
    ],
)
def test_a_re_export_and_an_inherited_method_lead_to_their_definition(
    code: CodeBase, symbol: str, where: str
) -> None:
    assert snippet(code, Symbol(symbol)).symbol == where


def test_a_whole_module_is_a_snippet(code: CodeBase) -> None:
    found = snippet(code, Symbol("dlnotes.nets.blocks"))
    assert found.source == FILES["nets/blocks.py"].strip()
    assert (found.first_line, found.last_line) == (1, 6)


@pytest.mark.parametrize(
    "symbol", ["dlnotes:Nett", "dlnotes:Net.sizes", "dlnotes.nets.lenet:functools", "json"]
)
def test_a_symbol_that_is_not_there_is_an_error(code: CodeBase, symbol: str) -> None:
    with pytest.raises(UnknownSymbol):
        snippet(code, Symbol(symbol))


def test_tests_are_found_through_helpers_fixtures_and_decorators(code: CodeBase, tmp_path: Path) -> None:
    write(tmp_path / "tests" / "dlnotes", TESTS)
    asked = {
        "dlnotes:Net.size": {"test_by_a_fixture", "TestBlock.test_named"},
        "dlnotes.nets.lenet:build": {"test_by_a_helper", "test_async"},
        "dlnotes.nets.lenet:SIZES": {"test_sizes"},
        "dlnotes.nets.blocks:Block": {"TestBlock.test_forward", "TestBlock.test_named", "test_by_a_fixture"},
        "dlnotes.nets.blocks:unused": set(),
        "dlnotes.nets.lenet:twice": {"test_nothing"},
    }
    found = embed.tests_reaching(tmp_path / "tests" / "dlnotes", code, [Symbol(s) for s in asked])
    assert {symbol: {ref.name for ref in refs} for symbol, refs in found.items()} == asked
    assert found[Symbol("dlnotes.nets.lenet:SIZES")] == (
        TestRef("tests/dlnotes/test_nets.py", 9, "test_sizes"),
    )


def test_reading_tests_leaves_the_code_base_as_it_was(code: CodeBase, tmp_path: Path) -> None:
    before = code.symbols(), code.hash(Symbol("dlnotes:Net"))
    write(tmp_path / "tests" / "dlnotes", TESTS)
    embed.tests_reaching(tmp_path / "tests" / "dlnotes", code, [Symbol("dlnotes:Net")])
    assert (code.symbols(), code.hash(Symbol("dlnotes:Net"))) == before


def test_the_tests_of_a_symbol_are_kept_until_code_or_tests_change(
    code: CodeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "tests" / "dlnotes", TESTS)
    write(tmp_path / "docs", {"A.md": '```python embed="dlnotes.nets.lenet:build"\n```\n'})
    settings = Settings(tmp_path, tmp_path / "docs", code.root, tmp_path / "tests" / "dlnotes")
    cache = Cache(tmp_path / "cache")
    read = Mock(wraps=embed.tests_reaching)
    monkeypatch.setattr(workspace, "tests_reaching", read)

    def names() -> set[str]:
        return {ref.name for ref in open_workspace(settings, cache).tests["dlnotes.nets.lenet:build"]}

    assert names() == names() == {"test_by_a_helper", "test_async"}
    assert read.call_count == 1
    write(
        settings.tests, {"test_more.py": "from dlnotes.nets.lenet import build\ndef test_new(): build(1)\n"}
    )
    assert names() == {"test_by_a_helper", "test_async", "test_new"}
    lenet = code.root / "dlnotes" / "nets" / "lenet.py"
    lenet.write_text(lenet.read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    assert len(names()) == 3
    assert read.call_count == 3
