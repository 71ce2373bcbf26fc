"""The core: an Obsidian vault, its links and its live code, as plain values.

Imports neither MkDocs nor torch nor dlnotes. Files are read and written only in ``reader``,
``execute``, ``freeze`` and ``embed``; everything else maps values to values.
"""
