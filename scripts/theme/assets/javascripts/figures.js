// A picture opens large: over the whole screen, and larger still.
// The figures of cells are SVG in the page, so that they follow its colours; what opens is a copy that does so too.

(() => {
  const { button, each } = window.dlnotes;
  const PICTURES = `.md-content__inner :is(.out-figure, .diagram-figure),
    .md-content__inner :is(p, figure) > img:not(.twemoji)`;
  const LARGER = [1, 1.5, 2, 3, 4];

  const sheet = document.createElement("dialog");
  sheet.className = "sheet picture";
  sheet.innerHTML = `<div class="picture-bar"><p class="picture-caption"></p></div>
    <div class="picture-frame" tabindex="0"></div>`;
  const bar = sheet.firstElementChild;
  const caption = bar.firstElementChild;
  const frame = sheet.lastElementChild;
  const [smaller, larger, close] = ["缩小", "放大", "关闭"].map((name) => button("picture-button", name));
  bar.append(smaller, larger, close);
  document.body.append(sheet);

  let step = 0;
  let from = null; // what had the focus

  function scale(to, x = 0.5, y = 0.5) {
    const before = LARGER[step];
    step = Math.max(0, Math.min(to, LARGER.length - 1));
    frame.style.setProperty("--picture-scale", LARGER[step]);
    smaller.disabled = step === 0;
    larger.disabled = step === LARGER.length - 1;
    frame.classList.toggle("is-fit", step === 0);
    // The point at (x, y), in parts of the frame, stays where it is.
    const ratio = LARGER[step] / before;
    frame.scrollLeft = (frame.scrollLeft + frame.clientWidth * x) * ratio - frame.clientWidth * x;
    frame.scrollTop = (frame.scrollTop + frame.clientHeight * y) * ratio - frame.clientHeight * y;
  }

  function captionOf(picture) {
    const figure = picture.closest("figure");
    const cell = picture.closest(".cell-output");
    const words = figure?.querySelector("figcaption") ?? cell?.querySelector(".out-caption");
    return words?.textContent ?? picture.querySelector("[aria-label]")?.getAttribute("aria-label") ?? picture.alt ?? "";
  }

  function open(picture) {
    const shown = picture.matches("img") ? picture : picture.querySelector("svg, img");
    if (!shown) return;
    const copy = shown.cloneNode(true);
    copy.removeAttribute("id");
    copy.removeAttribute("loading");
    const box = shown.getBoundingClientRect();
    const width = shown.naturalWidth || box.width;
    const height = shown.naturalHeight || box.height;
    frame.style.setProperty("--picture-ratio", width / height);
    frame.replaceChildren(copy);
    caption.textContent = captionOf(picture);
    sheet.setAttribute("aria-label", caption.textContent || "图");
    from = document.activeElement;
    sheet.showModal();
    step = 0;
    scale(0);
    frame.focus();
  }

  sheet.addEventListener("close", () => {
    frame.replaceChildren();
    from?.focus({ preventScroll: true });
  });
  close.addEventListener("click", () => sheet.close());
  smaller.addEventListener("click", () => scale(step - 1));
  larger.addEventListener("click", () => scale(step + 1));
  sheet.addEventListener("keydown", ({ key }) => {
    if (key === "+" || key === "=") scale(step + 1);
    else if (key === "-") scale(step - 1);
    else if (key === "0") scale(0);
  });
  frame.addEventListener("click", ({ target, clientX, clientY }) => {
    if (target === frame) return sheet.close(); // beside the picture
    const box = frame.getBoundingClientRect();
    scale(step === 0 ? 2 : 0, (clientX - box.left) / box.width, (clientY - box.top) / box.height);
  });

  // By mouse and finger the picture itself opens; keys find a button in its corner.
  document.addEventListener("click", (event) => {
    const picture = event.target.closest(PICTURES);
    if (!picture || event.target.closest("a, button, summary")) return;
    if (!event.target.closest("svg, img") || String(getSelection())) return;
    open(picture);
  });
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting || target.closest("a, .picture-place")) continue;
      near.unobserve(target);
      const place = document.createElement(target.matches("img") ? "span" : "div");
      const opens = button("picture-open", "");
      place.className = "picture-place";
      opens.title = "放大";
      opens.setAttribute("aria-label", `放大：${captionOf(target) || "图"}`);
      opens.addEventListener("click", () => open(target));
      target.replaceWith(place);
      place.append(target, opens);
    }
  }, { rootMargin: "10%" });
  each(PICTURES, (picture) => near.observe(picture));
})();
