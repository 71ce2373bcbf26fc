// Draws the vault as a graph: each note with its neighbours in its foot, all notes on a page of their own.
//
// The picture is one way to see it, the list below it is the other: every node is a link there, and focusing a
// link shows its node. The canvas itself takes arrow keys. Data and library are fetched when a graph comes near.

(() => {
  const places = [...document.querySelectorAll(".graph")];
  if (!places.length) return;

  const { dlnotes } = window;
  const library = new URL("../vendor/force-graph.min.js", document.currentScript.src).href;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const COLORS = ["blue", "amber", "green", "violet", "red", "teal", "gray"];
  const MOST_LABELS = 25;
  const MOST_LINKS_IN_MOTION = 3000;

  let loading = null;
  const load = () => (loading ??= Promise.all([dlnotes.data("assets/graph.json"), dlnotes.loadScript(library)]).then(([data]) => data));

  function element(name, className, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  const color = (name) => getComputedStyle(document.body).getPropertyValue(`--dl-${name}`).trim();
  const palette = () => Object.fromEntries(
    [...COLORS, "ink", "ink-quiet", "paper", "line", "line-strong", "accent"].map((name) => [name, color(name)]));

  // The notes within *depth* links of note *start*, in either direction; all notes without a start.
  function neighbourhood(data, start, depth) {
    const near = data.notes.map(() => []);
    for (const [a, b] of data.links) near[a].push(b), near[b].push(a);
    const kept = new Map(start === null ? data.notes.map((_, n) => [n, 0]) : [[start, 0]]);
    for (const [n, steps] of kept) {
      if (start !== null && steps < depth) for (const m of near[n]) if (!kept.has(m)) kept.set(m, steps + 1);
    }
    return { kept, near };
  }

  class GraphView {
    constructor(box, data) {
      this.box = box;
      this.data = data;
      this.isWhole = box.dataset.graph === "all";
      this.start = this.isWhole ? null : data.notes.findIndex(({ url }) => url === box.parentElement.dataset.note);
      this.depth = 1;
      this.by = "section";
      this.dimmed = new Set();
      this.query = "";
      this.selected = null;
      this.colors = palette();
      this.canvas = element("div", "graph-canvas");
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute("role", "group");
      this.canvas.setAttribute("aria-label", "关系图：方向键在笔记之间走，回车打开");
      this.told = element("p", "graph-told");
      this.told.setAttribute("aria-live", "polite");
      this.controls = element("div", "graph-controls");
      this.list = element("details", "graph-list");
      box.replaceChildren(this.controls, this.canvas, this.told, this.list);
      this.addControls();
      this.draw();
      this.listen();
      box.graphView = this; // for tests: nodes() with their places on the screen
    }

    // ---- what is shown ----

    select() {
      const { kept, near } = neighbourhood(this.data, this.start, this.depth);
      const indices = [...kept.keys()];
      this.nodes_ = indices.map((n, i) => {
        // A spiral: the same picture on every visit.
        const [angle, far] = [i * 2.39996, 14 * Math.sqrt(i)];
        const note = this.data.notes[n];
        return { id: n, note, degree: near[n].length, near: new Set(near[n]), x: far * Math.cos(angle), y: far * Math.sin(angle) };
      });
      const seen = new Set();
      this.links_ = [];
      for (const [a, b] of this.data.links) {
        const pair = a < b ? `${a} ${b}` : `${b} ${a}`;
        if (kept.has(a) && kept.has(b) && !seen.has(pair)) {
          seen.add(pair);
          this.links_.push({ source: a, target: b });
        }
      }
    }

    groupsOf(note) {
      return this.by === "section" ? (note.section < 0 ? [] : [note.section]) : note.tags;
    }

    get groups() {
      const count = new Map();
      for (const { note } of this.nodes_) for (const g of this.groupsOf(note)) count.set(g, (count.get(g) ?? 0) + 1);
      const names = this.by === "section" ? this.data.sections : this.data.tags;
      const found = [...count].map(([g, n]) => ({ id: g, name: names[g], count: n }));
      return this.by === "section" ? found.sort((a, b) => a.id - b.id) : found.sort((a, b) => b.count - a.count);
    }

    colorOf({ note }) {
      const group = this.groupsOf(note).find((g) => this.rank.has(g));
      return this.colors[group === undefined ? "gray" : COLORS[this.rank.get(group)]];
    }

    isBright(node) {
      if (this.query) return node.note.title.toLowerCase().includes(this.query);
      if (this.selected) return node === this.selected || this.selected.near.has(node.id);
      const groups = this.groupsOf(node.note);
      return !groups.length ? !this.dimmed.size : groups.some((g) => !this.dimmed.has(g));
    }

    draw() {
      this.select();
      // A section has the same colour on every page; of tags the most frequent ones have one.
      const ranked = this.by === "section" ? this.data.sections.map((_, id) => id) : this.groups.map(({ id }) => id);
      this.rank = new Map(ranked.slice(0, COLORS.length).map((id, i) => [id, i]));
      this.graph?._destructor();
      this.canvas.replaceChildren();
      const many = this.nodes_.length > 300;
      this.graph = new ForceGraph(this.canvas)
        .width(this.canvas.clientWidth)
        .height(this.canvas.clientHeight)
        .graphData({ nodes: this.nodes_, links: this.links_ })
        .nodeLabel(null)
        .nodeCanvasObject((node, context, scale) => this.paint(node, context, scale))
        .nodePointerAreaPaint((node, paint, context, scale) => this.paintArea(node, paint, context, scale))
        .linkColor((link) => this.linkColor(link))
        .linkWidth((link) => (this.selected && (link.source === this.selected || link.target === this.selected) ? 1.6 : 0.7))
        .onNodeHover((node) => this.choose(node))
        .onNodeClick((node, event) => this.open(node, event))
        .enableNodeDrag(!many)
        .warmupTicks(calm || many ? (many ? 60 : 200) : 40)
        .cooldownTicks(calm ? 0 : many ? 30 : 120)
        .cooldownTime(4000)
        .onEngineStop(() => this.fit())
        .minZoom(0.05)
        .maxZoom(8);
      if (this.links_.length > MOST_LINKS_IN_MOTION) {
        // Drawing tens of thousands of lines takes a fifth of a second: while the picture moves, the dots will do.
        this.graph
          .linkVisibility(() => !this.moving)
          .linkPointerAreaPaint(() => {})
          .onZoom(() => (this.moving = true))
          .onZoomEnd(() => {
            this.moving = false;
            this.repaint();
          });
      }
      this.graph.d3Force("charge").strength(this.isWhole ? -40 : -160).distanceMax(500);
      this.graph.d3Force("link").distance(this.isWhole ? 30 : 60);
      this.graph.enableZoomInteraction((event) => this.mayZoom(event));
      this.canvas.querySelector("canvas").setAttribute("aria-hidden", "true");
      this.fitted = false;
      this.addLegend();
      this.addList();
    }

    // In a note the wheel and one finger scroll the page.
    mayZoom(event) {
      if (this.isWhole) return true;
      if (event.type === "wheel") return event.ctrlKey || event.metaKey;
      return !event.touches || event.touches.length > 1;
    }

    fit() {
      if (this.fitted) return;
      this.fitted = true;
      this.graph.zoomToFit(calm ? 0 : 300, this.isWhole ? 20 : 48);
    }

    radius(node) {
      return node.id === this.start ? 7 : Math.min(9, 3 + Math.sqrt(node.degree));
    }

    paint(node, context, scale) {
      const bright = this.isBright(node);
      context.globalAlpha = bright ? 1 : 0.15;
      context.beginPath();
      context.arc(node.x, node.y, this.radius(node), 0, 2 * Math.PI);
      context.fillStyle = node.note.draft ? this.colors.paper : this.colorOf(node);
      context.fill();
      context.strokeStyle = node.id === this.start || node === this.selected ? this.colors.ink : this.colorOf(node);
      context.lineWidth = node.id === this.start || node === this.selected ? 2 : 1.2;
      context.stroke();
      if (this.moving && !bright) return void (context.globalAlpha = 1);
      const always = this.nodes_.length <= MOST_LABELS;
      const chosen = (this.selected || this.query) && bright && (!this.query || scale > 0.3);
      if (always || chosen || scale > 2.2 - node.degree / 30) {
        const size = 12 / Math.max(scale, 0.4);
        context.font = `${node.id === this.start ? "600 " : ""}${size}px ${getComputedStyle(document.body).fontFamily}`;
        context.textAlign = "center";
        context.textBaseline = "top";
        const name = node.note.title.replace(/^\d+\s+/, "");
        const title = name.length > 14 ? `${name.slice(0, 13)}…` : name;
        context.lineWidth = 3 / scale;
        context.strokeStyle = this.colors.paper;
        context.strokeText(title, node.x, node.y + this.radius(node) + 2);
        context.fillStyle = this.colors.ink;
        context.fillText(title, node.x, node.y + this.radius(node) + 2);
      }
      context.globalAlpha = 1;
    }

    paintArea(node, paint, context, scale) {
      context.fillStyle = paint;
      context.beginPath();
      context.arc(node.x, node.y, Math.max(this.radius(node), 14 / scale), 0, 2 * Math.PI);
      context.fill();
    }

    linkColor({ source, target }) {
      if (typeof source !== "object") return this.colors.line; // before the layout begins
      if (this.selected) return source === this.selected || target === this.selected ? this.colors.accent : this.colors.line;
      return this.isBright(source) && this.isBright(target) ? this.colors["line-strong"] : this.colors.line;
    }

    // ---- what the reader does ----

    choose(node) {
      if (node === this.selected) return;
      this.selected = node ?? null;
      this.canvas.style.cursor = node ? "pointer" : "";
      this.told.textContent = node ? `${node.note.title}（${node.degree} 个链接）` : "";
      this.repaint();
    }

    repaint() {
      this.graph.nodeRelSize(this.graph.nodeRelSize()); // any setting asks for a new picture
    }

    open({ note }, event) {
      const url = dlnotes.to(note.url);
      if (event?.ctrlKey || event?.metaKey) window.open(url, "_blank", "noopener");
      else location.href = url;
    }

    step(dx, dy) {
      if (!this.selected) return this.choose(this.nodes_.find(({ id }) => id === this.start) ?? this.nodes_[0]);
      const { x, y } = this.selected;
      let best = null, least = Infinity;
      for (const node of this.nodes_) {
        const [along, across] = [(node.x - x) * dx + (node.y - y) * dy, Math.abs((node.x - x) * dy - (node.y - y) * dx)];
        if (node === this.selected || along <= 0 || along + 2 * across >= least) continue;
        [best, least] = [node, along + 2 * across];
      }
      if (best) this.choose(best);
    }

    listen() {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      this.canvas.addEventListener("keydown", (event) => {
        if (steps[event.key]) this.step(...steps[event.key]);
        else if (event.key === "Enter" && this.selected) this.open(this.selected, event);
        else if (event.key === "Escape" && this.selected) this.choose(null);
        else return;
        event.preventDefault();
      });
      new ResizeObserver(() => {
        const { clientWidth, clientHeight } = this.canvas;
        if (!clientWidth || clientWidth === this.graph.width()) return;
        this.graph.width(clientWidth).height(clientHeight);
        this.fitted = false;
        this.fit();
      }).observe(this.canvas);
      new MutationObserver(() => {
        this.colors = palette();
        this.addLegend();
        this.repaint();
      }).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
      new IntersectionObserver(([entry]) => {
        if (entry.isIntersecting) this.graph.resumeAnimation();
        else this.graph.pauseAnimation();
      }).observe(this.canvas);
    }

    button(text, pressed, act) {
      const made = element("button", "", text);
      made.type = "button";
      if (pressed !== null) made.setAttribute("aria-pressed", pressed);
      made.addEventListener("click", act);
      return made;
    }

    addControls() {
      const choice = (label, options, get, set) => {
        const group = element("span", "graph-choice", label);
        const buttons = options.map(([value, text]) => this.button(text, String(get() === value), () => {
          set(value);
          buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(options[i][0] === value)));
          this.draw();
        }));
        group.append(...buttons);
        return group;
      };
      if (!this.isWhole) {
        this.controls.append(choice("远近", [[1, "1 步"], [2, "2 步"], [3, "3 步"]], () => this.depth, (d) => (this.depth = d)));
        return;
      }
      const field = element("input");
      Object.assign(field, { type: "search", placeholder: "找一篇笔记" });
      field.setAttribute("aria-label", "在图里找笔记");
      field.addEventListener("input", () => {
        this.query = field.value.trim().toLowerCase();
        const found = this.query ? this.nodes_.filter((node) => this.isBright(node)) : [];
        this.told.textContent = this.query ? `找到 ${found.length} 篇` : "";
        if (found.length) this.graph.centerAt(found[0].x, found[0].y, calm ? 0 : 400);
        this.repaint();
      });
      const by = choice("颜色", [["section", "章节"], ["tag", "标签"]], () => this.by, (b) => {
        this.by = b;
        this.dimmed.clear();
      });
      this.legend = element("ul", "graph-legend");
      this.controls.append(field, by, this.button("适合窗口", null, () => {
        this.fitted = false;
        this.fit();
      }), this.legend);
    }

    addLegend() {
      if (!this.legend) return;
      this.legend.replaceChildren(...this.groups.filter(({ id }) => this.rank.has(id)).map(({ id, name, count }) => {
        const dot = element("span", "graph-dot");
        dot.style.backgroundColor = this.colors[COLORS[this.rank.get(id)]];
        const button = this.button("", String(!this.dimmed.has(id)), () => {
          const others = this.groups.map((g) => g.id).filter((g) => g !== id);
          const alone = others.every((g) => this.dimmed.has(g)) && !this.dimmed.has(id);
          this.dimmed = new Set(alone ? [] : others);
          this.addLegend();
          this.repaint();
        });
        button.append(dot, `${name} ${count}`);
        return element("li", "", button);
      }));
    }

    // ---- the same as a list ----

    addList() {
      const groups = this.isWhole ? this.wholeList() : this.localList();
      const parts = groups.filter(([, nodes]) => nodes.length).flatMap(([name, nodes]) => {
        const items = nodes.map((node) => {
          const link = element("a", "wikilink", node.note.title);
          link.href = dlnotes.to(node.note.url);
          link.addEventListener("focus", () => this.choose(node));
          return element("li", "", link, element("span", "count", ` ${node.degree} 个链接`));
        });
        return [element("p", "graph-group", name), element("ul", "", ...items)];
      });
      this.list.replaceChildren(element("summary", "graph-summary", "以列表查看"), ...parts);
    }

    wholeList() {
      const named = this.data.sections.map((name, s) => [name, this.nodes_.filter(({ note }) => note.section === s)]);
      return [...named, ["其他", this.nodes_.filter(({ note }) => note.section < 0)]];
    }

    localList() {
      const to = new Set(this.data.links.filter(([, b]) => b === this.start).map(([a]) => a));
      const from = new Set(this.data.links.filter(([a]) => a === this.start).map(([, b]) => b));
      const further = this.nodes_.filter(({ id }) => id !== this.start && !to.has(id) && !from.has(id));
      return [
        ["指向这里", this.nodes_.filter(({ id }) => to.has(id))],
        ["这里指向", this.nodes_.filter(({ id }) => from.has(id))],
        ["再远一些", further],
      ];
    }

    nodes() {
      const box = this.canvas.getBoundingClientRect();
      return this.nodes_.map((node) => {
        const { x, y } = this.graph.graph2ScreenCoords(node.x, node.y);
        return { title: node.note.title, url: node.note.url, x: box.left + x, y: box.top + y, bright: this.isBright(node) };
      });
    }
  }

  async function show(box) {
    let data;
    try {
      data = await load();
    } catch {
      return; // the list of the page, or the backlinks, stay
    }
    const view = box.dataset.graph === "all" || data.notes.some(({ url }) => url === box.parentElement.dataset.note);
    if (!view) return;
    new GraphView(box, data);
    box.parentElement.querySelector(".graph-fallback")?.remove();
  }

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      show(target);
    }
  }, { rootMargin: "300px" });
  for (const box of places) {
    if (box.dataset.graph !== "all") box.parentElement.hidden = false;
    near.observe(box);
  }
})();
