// What the page's frame does: palette, drawer, table of contents, copying, and the keys.
//
// It stands in for the theme's own script, which reads the layout of every code block, table and link as soon as a
// page has loaded: on a phone that takes most of a second. Here nothing is measured before it comes near the screen.

(() => {
  const html = document.documentElement;
  const article = document.querySelector(".md-content__inner");
  const given = JSON.parse(document.getElementById("__config").textContent).base;
  const base = new URL(given.replace(/\/?$/, "/"), location.href);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const each = (selector, use, within = document) => within.querySelectorAll(selector).forEach(use);
  const button = (className, text) => Object.assign(document.createElement("button"), {
    className,
    type: "button",
    textContent: text,
  });

  /** What this site keeps in the browser; an origin may hold several sites. */
  const kept = {
    get(name) {
      try {
        return localStorage.getItem(base.pathname + name);
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        localStorage.setItem(base.pathname + name, value);
      } catch {
        say("这个浏览器不让网站保存东西");
      }
    },
  };

  // A copy of the site that lies on the reader's own disk (build.py export --zip): there a folder shows no page by
  // itself and nothing can be fetched, but scripts can be loaded. Each file of data has one beside it that holds it.
  const offline = location.protocol === "file:";
  const to = (address) => {
    const url = new URL(address, base);
    if (offline && url.pathname.endsWith("/")) url.pathname += "index.html";
    return url.href;
  };
  const loadScript = (address) =>
    new Promise((done, fail) => {
      const script = Object.assign(document.createElement("script"), { src: address, onload: done });
      script.onerror = () => fail(new Error(`${address} did not load`));
      document.head.append(script);
    });
  const loading = {};
  /** What is in a file of the site's data. */
  const data = (name) => (loading[name] ??= offline ? fromScript(name) : fromServer(name));
  async function fromServer(name) {
    const answer = await fetch(new URL(name, base));
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer.json();
  }
  async function fromScript(name) {
    await loadScript(new URL(`${name}.js`, base));
    return window.dlnotesData[name];
  }

  // A word at the page's edge, read aloud too
  const dialog = document.querySelector(".md-dialog");
  dialog.setAttribute("role", "status");
  let saying = 0;
  function say(text) {
    clearTimeout(saying);
    dialog.firstElementChild.textContent = text;
    dialog.classList.add("md-dialog--active");
    saying = setTimeout(() => dialog.classList.remove("md-dialog--active"), 2000);
  }

  // Light and dark: as the system says, until the reader says otherwise. The header's own script sets it first.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const schemes = document.querySelector(".palette");
  const isDark = () => document.body.dataset.mdColorScheme === "slate";
  function showScheme(slate) {
    document.body.dataset.mdColorScheme = slate ? "slate" : "default";
    schemes.setAttribute("aria-label", slate ? "切换到浅色" : "切换到深色");
    schemes.title = schemes.getAttribute("aria-label");
    each('meta[name="theme-color"]', (meta) => {
      meta.dataset.own ??= meta.content;
      const other = document.querySelector(`meta[name="theme-color"][media*="${slate ? "dark" : "light"}"]`);
      meta.content = kept.get("scheme") ? (other.dataset.own ?? other.content) : meta.dataset.own;
    });
  }
  showScheme(isDark());
  schemes.addEventListener("click", () => {
    kept.set("scheme", isDark() ? "light" : "dark");
    showScheme(!isDark());
  });
  dark.addEventListener("change", () => kept.get("scheme") ?? showScheme(dark.matches));

  // The drawer is a check box, so that it opens without scripts too
  const drawer = document.getElementById("__drawer");
  const opener = document.querySelector(".opens-drawer");
  function tellDrawer() {
    opener.setAttribute("aria-expanded", drawer.checked);
    html.toggleAttribute("data-drawer", drawer.checked);
    if (drawer.checked) document.querySelector(".md-sidebar--primary a")?.focus({ preventScroll: true });
  }
  opener.addEventListener("click", () => drawer.click());
  drawer.addEventListener("change", tellDrawer);
  each(".md-sidebar--primary a", (link) => link.addEventListener("click", () => drawer.checked && drawer.click()));
  addEventListener("pageshow", () => drawer.checked && drawer.click());

  // What goes with scrolling: the header's title, the place in the table of contents, the way back to the top
  const heading = article.querySelector("h1");
  const title = document.querySelector(".md-header__title");
  const toTop = document.querySelector(".md-top");
  const entries = [...document.querySelectorAll(".md-nav--secondary .md-nav__link")]
    .map((link) => ({ link, place: document.getElementById(decodeURIComponent(link.hash.slice(1))) }))
    .filter(({ place }) => place);
  const LINE = 96; // px from the top: what has passed it is being read
  let [last, waiting, current] = [scrollY, false, null];

  function onScroll() {
    waiting = false;
    const passed = heading && heading.getBoundingClientRect().bottom < 48;
    title.classList.toggle("md-header__title--active", Boolean(passed));
    if (toTop) toTop.hidden = !(scrollY < last && scrollY > innerHeight);
    if (Math.abs(scrollY - last) > 8) last = scrollY;
    const ended = scrollY + innerHeight >= html.scrollHeight - 2;
    const read = entries.filter(({ place }) => place.getBoundingClientRect().top < (ended ? innerHeight : LINE));
    const now = read.at(-1)?.link ?? null;
    if (now === current) return;
    current?.classList.remove("md-nav__link--active");
    current?.removeAttribute("aria-current");
    now?.classList.add("md-nav__link--active");
    now?.setAttribute("aria-current", "location");
    current = now;
    if (now) keepInSight(now);
  }

  function keepInSight(link) {
    const box = link.closest(".md-sidebar__scrollwrap");
    const [{ top, bottom }, frame] = [link.getBoundingClientRect(), box.getBoundingClientRect()];
    if (top < frame.top || bottom > frame.bottom) box.scrollTop += top - frame.top - frame.height / 2;
  }

  addEventListener("scroll", () => (waiting ||= Boolean(requestAnimationFrame(onScroll))), { passive: true });
  if (scrollY || location.hash) onScroll();
  toTop?.addEventListener("click", () => {
    scrollTo({ top: 0, behavior: calm.matches ? "auto" : "smooth" });
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  });
  const here = document.querySelector(".md-sidebar--primary .md-nav__link--active[href]");
  if (here) (window.requestIdleCallback ?? setTimeout)(() => here.offsetParent && keepInSight(here));

  // What comes near the screen: code can be copied, and what is wider than its place can be scrolled with keys
  const SCROLLERS = `pre > code, .cell-output pre, .out-figure, .out-html, .math.display, .md-typeset__scrollwrap,
    .diagram-figure, .run-table, .link-table, details.provenance`;
  const near = new IntersectionObserver((seen) => {
    const arrived = seen.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
    const wide = arrived.filter((box) => box.scrollWidth > box.clientWidth + 1); // all is read before anything is written
    arrived.forEach((box) => near.unobserve(box));
    wide.forEach((box) => box.setAttribute("tabindex", "0"));
    arrived.filter((box) => box.matches("pre > code")).forEach(addCopy);
  }, { rootMargin: "25%" });
  each(SCROLLERS, (box) => near.observe(box), article);
  addEventListener("resize", () => each(SCROLLERS, (box) => near.observe(box), article));

  function addCopy(code) {
    const pre = code.parentElement;
    if (pre.matches(".diagram") || pre.querySelector(".md-code__nav")) return;
    const nav = document.createElement("div");
    const copy = button("md-code__button", "");
    nav.className = "md-code__nav";
    copy.dataset.mdType = "copy";
    copy.title = "复制";
    copy.setAttribute("aria-label", "复制代码");
    copy.addEventListener("click", () => copyText(textOf(code)));
    nav.append(copy);
    pre.prepend(nav);
  }

  function textOf(code) {
    const copy = code.cloneNode(true);
    each(".linenos, .md-code__nav", (part) => part.remove(), copy);
    return copy.textContent.trimEnd();
  }

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // No clipboard for a page that is not served securely: the old way.
      const box = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(box);
      box.select();
      const done = document.execCommand("copy");
      box.remove();
      if (!done) return say("没能复制，请选中后自己复制");
    }
    say("已复制");
  }

  // Folded parts open when something in them is asked for, and on paper
  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let box = target; box; box = box.parentElement) if (box.matches("details")) box.open = true;
    if (target?.closest("details")) target.scrollIntoView();
  }
  if (location.hash) unfold();
  addEventListener("hashchange", unfold);
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...article.querySelectorAll("details:not([open], .code-more)")];
    folded.forEach((box) => (box.open = true));
  });
  addEventListener("afterprint", () => folded.forEach((box) => (box.open = false)));

  // Keys
  const helpBox = document.getElementById("keys");
  const follow = (rel) => document.querySelector(`link[rel="${rel}"]`)?.href;
  const actions = {
    n: () => follow("next"),
    p: () => follow("prev"),
    h: () => to(""),
    g: () => to("wiki/graph/"),
    d: () => schemes.click(),
    "?": () => helpBox.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.isComposing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "Escape" && drawer.checked) {
      drawer.click();
      opener.focus();
    }
    const typing = target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);
    if (typing || document.querySelector("dialog[open]") || !Object.hasOwn(actions, key)) return;
    event.preventDefault();
    const leads = actions[key]();
    if (leads) location.href = leads;
  });
  each(".keys-open", (opens) => {
    opens.hidden = false;
    opens.addEventListener("click", () => helpBox.showModal());
  });
  each("dialog.sheet", (sheet) => {
    sheet.addEventListener("click", ({ target }) => (target === sheet || target.closest(".sheet-close")) && sheet.close());
  });

  window.dlnotes = { base, offline, to, data, loadScript, kept, say, button, each, actions };
})();
