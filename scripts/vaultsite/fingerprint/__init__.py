"""What code means: a hash of a symbol and of all that it reaches in our packages, by AST, never by import.

A *unit* is what one name of a module means: a function, a class with all of its body, or a constant with
every top-level statement that binds or mutates it. These keys stand beside units in a closure:

- ``pkg.mod:<module>``: what importing the module does beyond defining names (calls, writes to other modules'
  attributes, decorators that register). Every symbol of the module reaches it, and so does every import.
- ``pkg.mod:*``: the names of a module that had to be taken whole; ``Closure.notes`` says why.
  (Of one that ``import *`` takes, all names; of one that is used as a value, all that it leads to as well.)
- ``file:pkg/data/x.csv``: a data file that a reached unit names.

- ``pkg.mod:__main__``: what a module does when it is run as a script.

A name that a module only imports is no unit: it is followed to its definition, and its entry
says where it led. Order enters where it can be seen: a name read between two of its bindings, or before
something with an effect.

Where in doubt, more is reached, never less. What this cannot see: code and data outside of the code root;
text that ``exec`` builds and that imports by itself; classes that only a pickle names; an effect hidden in a
library's function whose name does not betray it (``outside.LOUD_WORD``) and whose value a constant keeps;
edits that only make an import fail.

The modules, each standing on those before it::

    canonical    what has no meaning does not enter a hash
    tree         what to read off a syntax tree               scopes      what a block of code binds
    outside      libraries, known by their words alone        modules     files, parsed
    reading      what code takes from outside of itself       names       where that leads
    definitions  what defines a symbol                        objects     what keeps state
    calls        what is loud                                 effects     what importing does
    order        what came before                             references  from one key to the next
    files        data that code reads                         closure     all steps together
    cells        where a note's code starts                   codebase    the face of it all
"""

from vaultsite.fingerprint.canonical import canonical, source_hash
from vaultsite.fingerprint.closure import Change, Closure, changes
from vaultsite.fingerprint.codebase import CodeBase
from vaultsite.fingerprint.definitions import Definition, UnknownSymbol

__all__ = [
    "Change",
    "Closure",
    "CodeBase",
    "Definition",
    "UnknownSymbol",
    "canonical",
    "changes",
    "source_hash",
]
