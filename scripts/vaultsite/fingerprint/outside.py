"""Code that is not ours, known by its names alone: builtins, and which words betray an effect."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Calls to these do nothing but return a value. A list of our own, for `dir(builtins)` differs between
# versions of Python, and the hash must not.
QUIET_BUILTINS = _words(
    """
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict dir divmod
    enumerate filter float format frozenset getattr hasattr hash hex id int isinstance issubclass
    iter len list map max memoryview min object oct ord pow property range repr reversed round set
    slice sorted staticmethod str sum super tuple type vars zip
    """
)
BUILTINS = QUIET_BUILTINS | _words(
    """
    BaseException BaseExceptionGroup Ellipsis ExceptionGroup GeneratorExit KeyboardInterrupt NotImplemented
    StopAsyncIteration StopIteration SystemExit __import__ aiter anext breakpoint compile copyright credits
    delattr display eval exec exit get_ipython globals help input license locals next open print quit setattr
    """
)
QUIET_ROOTS = _words(
    """
    abc array ast base64 bisect collections contextlib copy dataclasses datetime decimal enum
    fractions functools hashlib heapq inspect itertools json math operator pathlib re statistics
    string struct textwrap types typing typing_extensions uuid
    """
)
LOUD_WORD = re.compile(
    r"""(?:^|[._])(?:seed|set|register\w*|use|update|enable\w*|disable\w*|init\w*|patch\w*|install\w*|add|append
    |insert|extend|pop|remove|clear|setdefault|setup|configure|basicConfig|simplefilter|filterwarnings|setattr
    |environ|putenv|rand\w*|normal|uniform|shuffle|nn|write|open|import|rcParams\w*|style|library)(?:[._]|$)""",
    re.VERBOSE,
)
"""Words in an external callable's name that betray an effect: on a registry, an option, random state."""

INERT_DECORATORS = _words(
    """
    property staticmethod classmethod setter getter deleter no_grad inference_mode wraps cache
    lru_cache cached_property contextmanager abstractmethod overload override final
    """
)
"""Decorators that never evaluate annotations."""


def sounds_loud(name: str) -> bool:
    """Whether a dotted name of a library may do more, when called, than return a value."""
    return name.partition(".")[0] not in QUIET_ROOTS and LOUD_WORD.search(name) is not None


def is_error(name: str) -> bool:
    """Whether a builtin's name is that of an exception."""
    return name.endswith(("Error", "Exception", "Warning"))
