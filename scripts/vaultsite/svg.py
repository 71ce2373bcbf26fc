"""A figure's SVG, as saved by matplotlib, made fit to stand inside a page."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

INK = "#1f2328"
"""The colour that figures use for text and axes; on the page it becomes the page's own text colour."""

ROOT = re.compile(r"<svg\b[^>]*>", re.DOTALL)
EMBEDDED = re.compile(r'(href=")data:(image/(?:png|jpeg|webp));base64,([^"]*)')
SMALL = 2_000
"""Characters up to which a picture inside a figure stays in the page: asking for it would cost as much."""


def embedded_pictures(svg: str) -> Iterator[tuple[str, str]]:
    """Yield the pictures inside *svg* that get a file of their own: media type and data in base64."""
    for _, mime, data in EMBEDDED.findall(svg):
        if len(data) > SMALL:
            yield mime, "".join(data.split())


def inline_svg(svg: str, prefix: str, label: str, picture_url: Callable[[str, str], str]) -> str:
    """Return *svg* without prolog and document-wide style, its ids unique to *prefix*, its ink the page's.

    Ids that nothing refers to are dropped, and groups that then say nothing. *label* is what a screen reader
    says. *picture_url* gives the address of a picture that `embedded_pictures` yields.
    """
    svg = svg[svg.index("<svg") :] if "<svg" in svg else svg
    # A <style> inside an inline SVG styles the whole page; matplotlib's holds two properties of all strokes.
    svg = re.sub(
        r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL
    )
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    svg = re.sub(r'\s+id="([^"]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = _without_bare_groups(svg)
    svg = re.sub(r'(url\(#|href="#)([^)"]+)', lambda m: f"{m[1]}{prefix}-{m[2]}", svg)
    svg = re.sub(re.escape(INK), "currentColor", svg, flags=re.IGNORECASE)
    svg = EMBEDDED.sub(lambda m: _picture(m, picture_url), svg)
    return ROOT.sub(lambda m: _root(m[0], label), svg, count=1).strip()


def _without_bare_groups(svg: str) -> str:
    """Return *svg* without the groups that have no attribute: half of matplotlib's elements."""
    bare: list[bool] = []

    def tag(found: re.Match[str]) -> str:
        if found[0].startswith("</"):
            return "" if bare and bare.pop() else found[0]  # a library's own SVG may be out of balance
        if not found[0].endswith("/>"):
            bare.append(found[0] == "<g>")
        return "" if found[0] == "<g>" else found[0]

    return re.sub(r"</?g\b[^>]*>", tag, svg)


def _picture(found: re.Match[str], picture_url: Callable[[str, str], str]) -> str:
    attribute, mime, data = found.groups()
    if len(data) <= SMALL:
        return found[0]
    return attribute + html.escape(picture_url(mime, "".join(data.split())), quote=True)


def _root(tag: str, label: str) -> str:
    box = re.search(r'viewBox="([^"]+)"', tag)
    size = {key: re.search(rf'\b{key}="([\d.]+)', tag) for key in ("width", "height")}
    attributes = ['xmlns="http://www.w3.org/2000/svg"', 'xmlns:xlink="http://www.w3.org/1999/xlink"']
    if box:
        attributes.append(f'viewBox="{box[1]}"')
        _, _, width, height = box[1].split()
        size_of = {"width": width, "height": height}
        # matplotlib's points are a third larger on a screen: 96 px to the inch, not 72.
        attributes += [f'{key}="{float(size_of[key]) * 4 / 3:.0f}"' for key in ("width", "height")]
    else:
        attributes += [f'{key}="{match[1]}"' for key, match in size.items() if match]
    attributes += ['role="img"', f'aria-label="{html.escape(label, quote=True)}"']
    attributes.append('style="stroke-linejoin:round;stroke-linecap:butt"')
    return f"<svg {' '.join(attributes)}>"
