// Shows what a link leads to beside the link: a note's beginning, a section, or a block.
// By mouse it opens on a rest of the pointer; by touch, on a long press, as a sheet. By keyboard it follows the ARIA
// pattern of a tooltip: it opens on focus, focus stays on the link, Tab goes on in the page and Escape closes it. Since
// it holds links it is a non-modal dialog: Alt+↓, the key that enters a combo box's popup, enters it, Escape leads back.

(() => {
  const [DELAY, LONG_PRESS] = [300, 500]; // ms; DELAY to open as to close
  const GAP = 6; // px between link and preview; previews.css bridges it
  const MARGIN = 8;
  const BEGINNING = 1200; // characters of a whole note

  const LINKS = `:is(.md-content__inner, .preview-body) a:is(.wikilink, .internal, .footnote-ref)[href],
    :is(.note-foot, .note-map) a[href]:not(.headerlink, [download])`;
  const APPARATUS = `.note-head, .note-foot, .note-map, .page-turns, .headerlink, .footnote-backref,
    .md-content__button, .md-code__nav, script`;
  const BLOCKS = "p, li, dd, table, blockquote, figure, pre, details, .admonition, .live-cell, .code-embed";
  const REFERENCES = /^(id|name|for|aria-(labelledby|describedby|details|controls|owns))$/;
  const KATEX = 'link[rel="stylesheet"][href*="katex"]';

  const frame = document.createElement("template");
  frame.innerHTML = `<section class="preview" role="dialog" tabindex="-1"><div class="preview-bar">
    <button class="preview-handle" type="button" title="拖动，或按方向键">移动</button>
    <span class="preview-title"></span><a class="preview-open">打开</a>
    <button class="preview-pin" type="button" aria-pressed="false">固定</button>
    <button class="preview-close" type="button">关闭</button>
    </div><div class="preview-body md-typeset" tabindex="0"></div></section>`;
  const { base: root, offline, to, data } = window.dlnotes;
  const layer = document.body.appendChild(document.createElement("div"));
  layer.className = "previews";

  const pages = new Map(); // those fetched, by address
  const chain = []; // the unpinned previews, each opened from a link in the one before it
  const pinned = new Set();
  let count = 0; // of previews opened
  let front = 0; // the highest z-index

  // What a link leads to
  const nodesOf = (block) => (block.matches("li") ? [...block.childNodes] : [block]); // no item without its list
  const targetOf = (link) => new URL(link.getAttribute("href"), document.baseURI);
  function linkAt(element) {
    const link = element.closest(LINKS);
    const url = link && targetOf(link);
    const ours = url?.href.startsWith(root.href);
    return ours && /(\/|\.html)$/.test(url.pathname) ? link : null;
  }

  async function fetchPage(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.statusText);
    return { page: new DOMParser().parseFromString(await response.text(), "text/html"), base: response.url };
  }

  function pageAt({ origin, pathname }) {
    if (pathname === location.pathname) return { page: document, base: location.href };
    const address = origin + pathname;
    return pages.get(address) ?? pages.set(address, fetchPage(address)).get(address);
  }

  function words(element) {
    const copy = element.cloneNode(true);
    copy.querySelectorAll(".headerlink, .katex-mathml").forEach((part) => part.remove());
    return copy.textContent.trim();
  }

  /** The block that an id stands for: alone in its paragraph, it stands for what comes before. */
  function blockOf(mark) {
    const block = mark.closest(BLOCKS) ?? mark;
    if (!mark.matches(".block-id") || !block.matches("p")) return block;
    if (!block.textContent.trim() && !block.querySelector("img, svg")) return block.previousElementSibling ?? block;
    const outer = block.parentElement;
    return outer.matches("li") || (outer.matches(BLOCKS) && !block.nextElementSibling) ? outer : block;
  }

  function sectionOf(heading) {
    const end = new RegExp(`^H[1-${heading.tagName[1]}]$`);
    const section = [heading];
    for (let next = heading; (next = next.nextElementSibling) && !end.test(next.tagName); ) section.push(next);
    return section;
  }

  function beginningOf(article) {
    let length = 0;
    const text = [...article.children].filter((element) => !element.matches(`h1, ${APPARATUS}`));
    const last = text.findIndex((element) => (length += element.textContent.length) > BEGINNING);
    return [...article.querySelectorAll(".note-summary"), ...text.slice(0, last + 1 || undefined)];
  }

  /** Make a part of another page fit to stand in this one: its addresses hold here, its ids are its own. */
  function adapt(part, base, prefix) {
    part.querySelectorAll(APPARATUS).forEach((element) => element.remove());
    const ids = new Set([...part.querySelectorAll("[id]")].map(({ id }) => id));
    const absolute = (address) => (URL.canParse(address, base) ? new URL(address, base).href : address);
    const adapted = (name, value, svg) => {
      if (REFERENCES.test(name)) return value.replace(/\S+/g, (id) => prefix + id);
      if (svg && /href$/.test(name) && value.startsWith("#")) return `#${prefix}${value.slice(1)}`;
      if (/(href|^src|^poster)$/.test(name)) return absolute(value);
      if (name === "srcset") return value.replace(/(^|,\s)\s*(\S+)/g, (_, before, url) => before + absolute(url));
      return value.replace(/url\((["']?)#/g, `url($1#${prefix}`);
    };
    for (const element of part.querySelectorAll("*")) {
      for (const attribute of [...element.attributes]) {
        const value = adapted(attribute.name, attribute.value, element instanceof SVGElement);
        if (attribute.name.startsWith("on")) element.removeAttribute(attribute.name);
        else if (value !== attribute.value) attribute.value = value;
      }
      if (!element.matches("svg style")) continue; // by which a diagram styles its own ids
      element.textContent = element.textContent.replace(/(?<=#)[\w-]+/g, (id) => (ids.has(id) ? prefix + id : id));
    }
  }

  /** Fetch the style sheet of formulas where only the other page has it. */
  function needFormulas(content, page, base) {
    const theirs = page.querySelector(KATEX);
    if (!theirs || !content.querySelector(".katex") || document.querySelector(KATEX)) return;
    const sheet = Object.assign(document.importNode(theirs), { href: new URL(theirs.getAttribute("href"), base).href });
    document.querySelector('link[href*="dlnotes/stylesheets"]').before(sheet);
  }

  /** The same from the words that search looks through: on a disk no other page can be read. */
  async function readOffline(url) {
    const { notes } = await data("assets/search.json");
    const [address, hash] = [url.href.replace(/(index\.html)?(#.*)?$/, ""), decodeURIComponent(url.hash.slice(1))];
    const note = notes.find((one) => to(one.url).replace(/index\.html$/, "") === address);
    const [, heading, text] = note.parts.find(([slug]) => slug === hash) ?? note.parts[0] ?? ["", "", ""];
    const content = document.createDocumentFragment();
    const lines = [hash ? "" : note.summary, ...text.slice(0, BEGINNING / 2).split("\n")].filter(Boolean);
    content.append(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    return { title: note.title, name: hash ? `${note.title} › ${heading}` : note.title, content };
  }

  /** What *url* leads to: its note's title, its own name, its content. */
  async function read(url, prefix) {
    if (offline && url.pathname !== location.pathname) return readOffline(url);
    const { page, base } = await pageAt(url);
    const article = page.querySelector("article.md-content__inner");
    const title = words(article.querySelector("h1") ?? page.querySelector("title"));
    const target = page.getElementById(decodeURIComponent(url.hash.slice(1)));
    const inside = article.contains(target) && !target.matches("h1");
    const heading = inside && /^H\d$/.test(target.tagName);
    const parts = heading ? sectionOf(target) : inside ? nodesOf(blockOf(target)) : beginningOf(article);
    const content = document.createDocumentFragment();
    content.append(...parts.map((part) => document.importNode(part, true)));
    needFormulas(content, page, base);
    adapt(content, base, prefix);
    return { title, name: heading ? `${title} › ${words(target)}` : title, content };
  }

  // Opening and closing
  let wanted = null; // the link whose preview is on its way
  const around = (element) => [...chain, ...pinned].find(({ node }) => node.contains(element));
  const openedBy = (link) => [...chain, ...pinned].find((preview) => preview.link === link);
  const part = ({ node }, name) => node.querySelector(`.preview-${name}`);

  /** How much of the chain *element* keeps open: up to the preview that it is in, or that it has opened. */
  const depth = (element) =>
    chain.findLastIndex(({ node, link, sheet }) => sheet || node.contains(element) || link.contains(element)) + 1;

  async function open(link, { sheet = false, enter = false, y = -1 } = {}) {
    if (navigator.connection?.saveData) return;
    if (!openedBy(link)) {
      wanted = link;
      const url = targetOf(link);
      const found = await read(url, `preview-${++count}-`).catch(() => pages.delete(url.origin + url.pathname));
      if (wanted === link && link.isConnected && found.content?.hasChildNodes()) show(link, found, sheet, y);
    }
    if (enter && openedBy(link)) part(openedBy(link), "body").focus();
  }

  function show(link, { title, name, content }, sheet, y) {
    wanted = null;
    trim(chain.findLastIndex(({ node }) => node.contains(link)) + 1);
    const node = document.importNode(frame.content.firstChild, true);
    const line = [...link.getClientRects()].findIndex((rect) => y >= rect.top && y <= rect.bottom);
    const preview = { link, node, sheet, line: Math.max(line, 0), tip: link.getAttribute("title") };
    node.id = `preview-${count}`;
    node.setAttribute("aria-label", `预览：${name}`);
    node.style.zIndex = ++front;
    part(preview, "title").textContent = title;
    part(preview, "open").href = targetOf(link).href;
    part(preview, "body").append(content);
    link.removeAttribute("title"); // or it would lie over the preview
    link.setAttribute("aria-expanded", "true");
    link.setAttribute("aria-controls", node.id);
    chain.push(preview);
    layer.append(node);
    node.classList.toggle("preview--sheet", sheet);
    if (sheet) node.focus({ preventScroll: true });
    else place(preview);
  }

  function close(preview) {
    const { link, node, tip } = preview;
    chain.filter((other) => node.contains(other.link)).forEach(close);
    const inside = node.contains(document.activeElement);
    if (!pinned.delete(preview)) chain.splice(chain.indexOf(preview), 1);
    node.remove();
    for (const name of ["aria-expanded", "aria-controls"]) link.removeAttribute(name);
    if (tip !== null) link.setAttribute("title", tip);
    if (inside) link.focus({ preventScroll: true });
    if (inside) wanted = null; // this focus asks for no preview
  }

  const trim = (keep) => chain.slice(keep).reverse().forEach(close);

  function pin(preview) {
    if (pinned.has(preview)) return close(preview);
    const { left, top } = preview.node.getBoundingClientRect();
    chain.splice(chain.indexOf(preview), 1);
    pinned.add(preview);
    preview.node.classList.add("preview--pinned");
    part(preview, "pin").setAttribute("aria-pressed", "true");
    return moveTo(preview, left, top);
  }

  // Where it stands
  const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
  const view = document.documentElement;

  /** Move a pinned preview, some of its header staying in reach. */
  function moveTo({ node }, left, top) {
    node.style.bottom = "auto";
    node.style.left = `${clamp(left, 80 - node.offsetWidth, view.clientWidth - 80)}px`;
    node.style.top = `${clamp(top, 0, view.clientHeight - 40)}px`;
  }

  /** Below its link, or above it where there is more room. */
  function place(preview) {
    const { node, link, line } = preview;
    const rect = link.getClientRects()[line] ?? link.getBoundingClientRect();
    const least = Math.min(160, view.clientHeight / 2);
    const inset = (edge) => clamp(edge + GAP, MARGIN, view.clientHeight - least);
    const offset = { top: inset(rect.bottom), bottom: inset(view.clientHeight - rect.top) };
    const room = (side) => view.clientHeight - offset[side] - MARGIN;
    preview.height ??= node.offsetHeight;
    // While the page scrolls it keeps its side as long as that is a place to be.
    if (!preview.side || room(preview.side) < least) {
      preview.side = preview.height <= room("top") || room("top") >= room("bottom") ? "top" : "bottom";
    }
    Object.assign(node.style, { top: "auto", bottom: "auto", [preview.side]: `${offset[preview.side]}px` });
    node.style.left = `${Math.max(MARGIN, Math.min(rect.left, view.clientWidth - node.offsetWidth - MARGIN))}px`;
    node.style.maxHeight = `min(60vh, ${room(preview.side)}px)`;
  }

  const placeAll = () => chain.filter(({ sheet }) => !sheet).forEach(place);
  document.addEventListener("scroll", placeAll, { capture: true, passive: true }); // a parent's text scrolls too
  addEventListener("resize", () => {
    placeAll();
    pinned.forEach((preview) => moveTo(preview, preview.node.offsetLeft, preview.node.offsetTop));
  });
  addEventListener("pagehide", () => trim(0)); // or it would still be there on the way back

  // Mouse
  let under = document.body; // what the pointer is over
  let hovered = null; // the link that it is over
  let [opening, closing] = [0, 0]; // timers

  /** Close, in a while, what neither the pointer nor a visible focus keeps open. */
  function closeSoon() {
    clearTimeout(closing);
    const kept = () => Math.max(depth(under), depth(document.querySelector(":focus-visible")));
    closing = setTimeout(() => trim(kept()), DELAY);
  }

  function hover(element, y) {
    const before = depth(under);
    under = element;
    if (depth(under) !== before) closeSoon();
    const link = linkAt(element);
    if (link === hovered) return;
    hovered = link;
    clearTimeout(opening);
    if (wanted !== document.activeElement) wanted = null;
    if (link) opening = setTimeout(open, DELAY, link, { y });
  }

  const mouse = (handler) => (event) => event.pointerType !== "touch" && handler(event.target, event.clientY);
  document.addEventListener("pointerover", mouse(hover));
  view.addEventListener("pointerleave", () => hover(document.body));

  // Touch
  let press = 0; // the timer of the finger that is down on a link
  let pressed = false; // it has opened a preview: what it does next is no tap
  const release = () => (press = clearTimeout(press));

  document.addEventListener("pointerdown", ({ target, pointerType }) => {
    clearTimeout(opening);
    release();
    pressed = false;
    if (chain.at(-1)?.sheet && !layer.contains(target)) trim(0);
    const link = pointerType === "touch" && linkAt(target);
    if (link) press = setTimeout(() => (pressed = true) && open(link, { sheet: true }), LONG_PRESS);
  });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, release);
  document.addEventListener("contextmenu", (event) => press && event.preventDefault());
  document.addEventListener("click", (event) => {
    if (pressed) event.preventDefault();
    else if (linkAt(event.target)) setTimeout(trim, 0, 0);
    pressed = false;
  });

  // Keyboard
  document.addEventListener("focusin", ({ target }) => {
    closeSoon();
    if (target.matches(":focus-visible") && linkAt(target) === target) open(target);
  });
  document.addEventListener("focusout", ({ target }) => {
    if (wanted === target) wanted = null;
    closeSoon();
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const inside = around(target);
    const [x, y] = { ArrowLeft: [-16, 0], ArrowRight: [16, 0], ArrowUp: [0, -16], ArrowDown: [0, 16] }[key] ?? [0, 0];
    if (key === "Escape") {
      clearTimeout(opening);
      wanted = null;
      const last = pinned.has(inside) ? inside : chain.at(-1);
      if (last) close(last);
    } else if (key === "ArrowDown" && event.altKey && linkAt(target)) {
      event.preventDefault();
      open(target, { enter: true });
    } else if ((x || y) && target.matches(".preview-handle")) {
      event.preventDefault();
      moveTo(inside, inside.node.offsetLeft + x, inside.node.offsetTop + y);
    }
  });

  // The header: its buttons, and what a pinned preview is dragged by
  layer.addEventListener("click", ({ target }) => {
    if (target.closest(".preview-close")) close(around(target));
    else if (target.closest(".preview-pin")) pin(around(target));
  });
  layer.addEventListener("pointerdown", ({ target, pointerId, clientX, clientY }) => {
    const preview = around(target);
    const bar = target.closest(".preview-bar");
    preview.node.style.zIndex = ++front;
    if (!pinned.has(preview) || !bar || target.closest("a, .preview-pin, .preview-close")) return;
    const [x, y] = [clientX - preview.node.offsetLeft, clientY - preview.node.offsetTop];
    bar.setPointerCapture(pointerId);
    bar.onpointermove = (move) => moveTo(preview, move.clientX - x, move.clientY - y);
    bar.onlostpointercapture = () => (bar.onpointermove = null);
  });
})();
