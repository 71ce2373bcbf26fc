// The search dialog: Material's looks, our engine. The index is fetched when the dialog is first used.
// Keys: `/`, `f`, `s` and Ctrl or Cmd K open, arrows move, Enter follows, Escape closes.

(() => {
  const toggle = document.getElementById("__search");
  const dialog = document.querySelector(".md-search");
  if (!toggle || !dialog) return;
  const form = dialog.querySelector("form");
  const input = dialog.querySelector(".md-search__input");
  const meta = dialog.querySelector(".md-search-result__meta");
  const list = dialog.querySelector(".md-search-result__list");
  const scroller = dialog.querySelector(".md-search__scrollwrap");
  const words = meta.dataset;

  const { base, offline, to, data } = window.dlnotes;
  const workerUrl = new URL("search-worker.js", document.currentScript.src);
  const INDEX = "assets/search.json";
  const indexUrl = new URL(INDEX, base).href;

  let worker = null;
  let asked = 0; // the number of the last question
  let shown = ""; // the query whose results are in the list
  let following = false; // Enter came before the answer

  const isOpen = () => toggle.checked;
  const queryOf = () => input.value.trim();
  const links = () => [...list.querySelectorAll("a")];

  function open() {
    if (!isOpen()) toggle.click();
    input.focus();
  }

  function close() {
    if (isOpen()) toggle.click();
  }

  function start() {
    if (worker) return;
    worker = offline ? new OfflineWorker() : new Worker(workerUrl);
    worker.onmessage = ({ data: answer }) => receive(answer);
    worker.onerror = (event) => {
      event.preventDefault();
      fail();
    };
    worker.postMessage({ id: 0, url: indexUrl });
  }

  /** Stands in where a page may start no worker: the same engine, in the page itself. */
  class OfflineWorker {
    async postMessage({ id, query }) {
      try {
        this.index ??= Promise.all([data(INDEX), window.dlnotes.loadScript(workerUrl)]).then(
          ([notes]) => new window.SearchIndex(notes));
        const index = await this.index;
        this.onmessage({ data: query === undefined ? { id, loaded: true } : { id, query, ...index.search(query) } });
      } catch (error) {
        this.onmessage({ data: { id, error: error.message } });
      }
    }

    terminate() {
      this.onmessage = () => {};
    }
  }

  function fail() {
    worker?.terminate();
    worker = null;
    following = false;
    meta.textContent = words.failed;
  }

  function ask() {
    const query = queryOf();
    asked++;
    following = false;
    if (!query) {
      clear();
      return;
    }
    start();
    if (!shown) meta.textContent = words.loading;
    worker.postMessage({ id: asked, url: indexUrl, query });
  }

  function clear() {
    shown = "";
    list.replaceChildren();
    meta.textContent = words.hint;
  }

  function receive({ id, error, query, total, results }) {
    if (error) fail();
    if (error || id !== asked || query === undefined) return; // an older question, or only the index
    shown = query;
    list.replaceChildren(...results.map(item));
    scroller.scrollTop = 0;
    meta.textContent = total === 0 ? words.none : total === 1 ? words.one : words.other.replace("#", total);
    if (following) follow();
  }

  function follow() {
    following = shown !== queryOf();
    if (!following) links()[0]?.click();
  }

  function element(name, className, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  const marked = (pieces) => pieces.map(([text, isMarked]) => (isMarked ? element("mark", "", text) : text));

  function link(url, ...children) {
    const article = element("article", "md-search-result__article md-typeset", ...children);
    const anchor = element("a", "md-search-result__link", article);
    anchor.href = to(url);
    return anchor;
  }

  function item({ url, title, draft, heading, text, more }) {
    const name = element("h1", "", ...marked(title));
    if (draft) name.append(" ", element("span", "search-draft", "撰写中"));
    const rows = [name];
    if (heading.length) rows.push(element("p", "search-heading", ...marked(heading)));
    if (text.length) rows.push(element("p", "", ...marked(text)));
    const main = link(url, element("div", "md-search-result__icon md-icon"), ...rows);
    const others = more.map((part) => {
      const head = part.heading.length ? [element("h2", "", ...marked(part.heading))] : [];
      const anchor = link(part.url, ...head, element("p", "", ...marked(part.text)));
      anchor.classList.add("search-more");
      return anchor;
    });
    return element("li", "md-search-result__item", main, ...others);
  }

  function move(step) {
    const stops = [input, ...links()];
    const at = Math.max(0, stops.indexOf(document.activeElement));
    const next = stops[(at + step + stops.length) % stops.length];
    next.focus({ preventScroll: true });
    if (next === input) scroller.scrollTop = 0;
    else next.scrollIntoView({ block: "nearest" });
  }

  const isWriting = (target) =>
    target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { key } = event;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key.toLowerCase() === "k") {
      event.preventDefault();
      open();
      input.select();
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (isOpen()) {
      if (key === "Escape") close();
      else if (key === "ArrowDown") move(1);
      else if (key === "ArrowUp") move(-1);
      else if (key.length === 1 && !isWriting(event.target) && key !== " ") return input.focus(); // it goes on typing
      else return;
      event.preventDefault();
    } else if (["/", "f", "s"].includes(key) && !isWriting(event.target)) {
      event.preventDefault();
      open();
      input.select();
    }
  });

  toggle.addEventListener("change", () => {
    if (isOpen()) {
      start();
      input.focus();
    } else {
      input.blur();
      if (dialog.contains(document.activeElement)) document.activeElement.blur();
    }
  });
  document.querySelector(".opens-search").addEventListener("click", open);
  input.addEventListener("focus", () => {
    start();
    open();
  });
  input.addEventListener("input", (event) => {
    if (!event.isComposing) ask();
  });
  input.addEventListener("compositionend", ask);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    following = true;
    follow();
  });
  form.addEventListener("reset", () => {
    asked++;
    clear();
    input.focus();
  });
  dialog.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !dialog.contains(relatedTarget)) close(); // Tab led out of it
  });
  list.addEventListener("click", (event) => {
    if (event.target.closest("a") && !event.ctrlKey && !event.metaKey && !event.shiftKey) close();
  });

  const given = new URLSearchParams(location.search).get("q");
  if (given) {
    input.value = given;
    open();
    ask();
  }
})();
