// Draws <pre class="diagram">, in the colours of the page, with the site's own copy of mermaid.
// Not the class "mermaid": Material would fetch the library from a CDN for it.

(() => {
  const library = new URL("../vendor/mermaid.min.js", document.currentScript.src).href;
  const sources = [...document.querySelectorAll(".diagram")].map((element) => ({
    element,
    text: (element.querySelector("code") ?? element).textContent.trim(),
  }));
  if (!sources.length) return;

  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  function theme() {
    const ink = color("--dl-ink");
    const line = color("--dl-ink-quiet");
    const paper = color("--dl-paper");
    const surface = color("--dl-surface");
    return {
      darkMode: document.body.dataset.mdColorScheme === "slate",
      background: paper,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: "15px",
      primaryColor: surface,
      primaryTextColor: ink,
      primaryBorderColor: line,
      secondaryColor: color("--dl-accent-wash"),
      tertiaryColor: paper,
      lineColor: line,
      textColor: ink,
      edgeLabelBackground: paper,
      noteBkgColor: color("--dl-mark"),
      noteTextColor: ink,
      noteBorderColor: line,
    };
  }

  // One drawing at a time: mermaid keeps its settings in one place.
  let drawing = Promise.resolve();
  let count = 0;

  async function draw() {
    mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "base", themeVariables: theme() });
    for (const source of sources) {
      const figure = document.createElement("figure");
      figure.className = "diagram-figure";
      figure.tabIndex = 0; // it may scroll
      try {
        figure.innerHTML = (await mermaid.render(`diagram-${++count}`, source.text)).svg;
      } catch (error) {
        console.error(`mermaid: ${error.message}\n${source.text}`); // the text stays readable
        continue;
      }
      // Wide drawings shrink a little, then scroll: their words stay readable.
      const svg = figure.querySelector("svg");
      svg.style.minWidth = `${Math.round(svg.viewBox.baseVal.width * 0.8)}px`;
      source.element.replaceWith(figure);
      source.element = figure;
    }
  }

  const redraw = () => (drawing = drawing.then(draw));
  const script = document.createElement("script");
  script.src = library;
  script.onload = () => {
    redraw();
    new MutationObserver(redraw).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  };
  document.head.append(script);
})();
