"""The core: an Obsidian vault, its links and its live code, as plain values.

Imports neither MkDocs nor torch nor dlnotes. ``reader`` reads the vault once, as frozen values; what stands
on them (links, graph, expand, markdown, search, …) maps values to values.
"""
