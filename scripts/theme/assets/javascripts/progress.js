// What the reader has read and wants to read again. It is kept in this browser and goes nowhere.

(() => {
  const { base, kept, say, button, each, actions } = window.dlnotes;
  const KINDS = { read: "已读", review: "想复习" };

  /** {address: {read: day, review: day}}, addresses as they follow the site's own. */
  function load() {
    try {
      return JSON.parse(kept.get("progress")) ?? {};
    } catch {
      return {};
    }
  }

  let marks = load();
  const own = document.querySelector(".marks");
  const note = own?.dataset.note;
  const today = () => new Date().toLocaleDateString("sv"); // 2026-11-24, in local time
  const has = (address, kind) => Boolean(marks[address]?.[kind]);
  const addressOf = (link) => {
    const address = link.href.replace(/[?#].*$/, "");
    return address.startsWith(base.href) ? address.slice(base.href.length).replace(/index\.html$/, "") : null;
  };

  function toggle(kind) {
    marks = load(); // another tab may have written
    const mark = { ...marks[note] };
    if (mark[kind]) delete mark[kind];
    else mark[kind] = today();
    if (Object.keys(mark).length) marks[note] = mark;
    else delete marks[note];
    kept.set("progress", JSON.stringify(marks));
    say(mark[kind] ? `已标记：${KINDS[kind]}` : `不再标记：${KINDS[kind]}`);
    show();
  }

  const toggles = {};
  if (own) {
    for (const [kind, name] of Object.entries(KINDS)) {
      toggles[kind] = button("mark-toggle", name);
      toggles[kind].addEventListener("click", () => toggle(kind));
      actions[{ read: "m", review: "r" }[kind]] = () => toggle(kind);
      own.append(toggles[kind]);
    }
    own.hidden = false;
  }

  function showLink(link) {
    const address = addressOf(link);
    for (const kind of Object.keys(KINDS)) link.classList.toggle(`is-${kind}`, has(address, kind));
    const words = Object.keys(KINDS).filter((kind) => has(address, kind)).map((kind) => KINDS[kind]);
    let said = link.querySelector(".mark-said");
    if (!words.length) said?.remove();
    else {
      said ??= link.appendChild(Object.assign(document.createElement("span"), { className: "mark-said" }));
      said.textContent = `（${words.join("，")}）`;
    }
  }

  function show() {
    for (const [kind, control] of Object.entries(toggles)) control.setAttribute("aria-pressed", has(note, kind));
    each(".md-nav--primary a.md-nav__link", showLink);
    const overview = document.querySelector(".progress");
    if (overview) showAll(overview);
  }

  /** On the navigation's own page: how far one is, where to go on, what is to be read again. */
  function showAll(overview) {
    const links = new Map();
    each(".md-content__inner a.wikilink:not(.note-foot *)", (link) => {
      const address = addressOf(link);
      if (!address || link.hash) return;
      showLink(link);
      if (!links.has(address)) links.set(address, link);
    });
    const notes = [...links.keys()];
    const read = notes.filter((address) => has(address, "read"));
    const review = notes.filter((address) => has(address, "review"));
    const next = notes.find((address) => !has(address, "read") && !links.get(address).classList.contains("draft"));
    const words = overview.querySelector(".progress-words");
    const bar = overview.querySelector("progress");
    const lead = (address) => {
      const link = document.createElement("a");
      link.href = links.get(address).href;
      link.className = "wikilink";
      link.textContent = links.get(address).firstChild.textContent;
      return link;
    };
    overview.hidden = read.length + review.length === 0;
    bar.max = notes.length;
    bar.value = read.length;
    words.replaceChildren(`已读 ${read.length} / ${notes.length} 篇`);
    if (read.length && next) words.append("，接着读 ", lead(next));
    if (review.length) words.append("；想复习 ", ...review.flatMap((address, n) => [n ? "、" : "", lead(address)]));
    words.append("。记号只存在这个浏览器里。");
  }

  addEventListener("storage", ({ key }) => {
    if (key !== null && key !== `${base.pathname}progress`) return;
    marks = load();
    show();
  });
  if (own || Object.keys(marks).length) show();
})();
