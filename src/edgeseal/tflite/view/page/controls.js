// Buttons, fields, keys and the legend.

class Controls {
  constructor(app) {
    this.app = app;
    this.elements = app.elements;
    this.fillChoices();
    this.connectBar();
    this.connectPanel();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("resize", () => app.scene.refresh());
  }

  fillChoices() {
    const { colourChoice, graphChoice, graphField } = this.elements;
    const { data, colourings: found } = this.app;
    colourChoice.append(...found.map((c) => el("option", { value: c.name }, c.label)));
    graphChoice.append(
      ...data.graphs.map((g) => el("option", { value: String(g.index) }, graphTitle(g))),
    );
    graphField.hidden = data.graphs.length < 2;
    const { file } = data;
    this.elements.fileName.textContent = file.name;
    const size = bytesText(file.size);
    this.elements.fileFacts.textContent = `${counted(data.operators.length, "operator")} · ${size}`;
  }

  connectBar() {
    const { app, elements } = this;
    const on = (element, event, action) => element.addEventListener(event, action);
    on(elements.colourChoice, "change", () => app.setColouring(elements.colourChoice.value));
    on(elements.graphChoice, "change", () =>
      app.showGraph(app.data.graphs[Number(elements.graphChoice.value)]),
    );
    on(elements.search, "input", () => app.find(elements.search.value));
    on(elements.searchNext, "click", () => app.stepSearch(1));
    on(elements.searchPrevious, "click", () => app.stepSearch(-1));
    on(elements.fold, "click", () => app.fold());
    on(elements.unfoldAll, "click", () => app.unfoldAll());
    on(elements.zoomIn, "click", () => app.viewport.zoomBy(1.4));
    on(elements.zoomOut, "click", () => app.viewport.zoomBy(1 / 1.4));
    on(elements.fit, "click", () => this.fit());
    on(elements.theme, "click", () => switchTheme());
    on(elements.help, "click", () => elements.helpBox.showModal());
    on(elements.helpClose, "click", () => elements.helpBox.close());
  }

  connectPanel() {
    const { app, elements } = this;
    const { tabs } = elements;
    const count = app.data.findings.length;
    const findings = tabs.querySelector('[data-tab="findings"]');
    findings.textContent = count ? `Findings ${count}` : "Findings";
    findings.hidden = count === 0;
    tabs.addEventListener("click", (event) => {
      const { tab } = event.target.dataset;
      if (tab) app.showTab(tab);
    });
    elements.panelClose.addEventListener("click", () => app.closePanel());
    elements.panelOpen.addEventListener("click", () => app.showTab(app.tab || "model"));
  }

  fit() {
    this.app.viewport.fly(this.app.viewport.fit(this.app.graph.root));
  }

  key(event) {
    const { app, elements } = this;
    if (event.altKey || event.ctrlKey || event.metaKey || elements.helpBox.open) return;
    if (event.target === elements.search) {
      this.searchKey(event);
      return;
    }
    if (event.target.closest("select, input, textarea")) return;
    const actions = {
      "/": () => elements.search.select(),
      "+": () => app.viewport.zoomBy(1.25),
      "=": () => app.viewport.zoomBy(1.25),
      "-": () => app.viewport.zoomBy(0.8),
      0: () => this.fit(),
      n: () => app.stepSearch(1),
      p: () => app.stepSearch(-1),
      "?": () => elements.helpBox.showModal(),
      Escape: () => this.leave(),
    };
    if (event.target.closest("button, a, summary") === null) Object.assign(actions, this.graphKeys());
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (!action) return;
    event.preventDefault();
    action(event);
  }

  graphKeys() {
    const { app } = this;
    const toggle = () => {
      if (app.selected && app.selected.isGroup) app.toggle(app.selected);
      else if (app.selected) app.viewport.focus(app.selected, app.coveredHeight());
    };
    const steps = { ArrowUp: [0, 80], ArrowDown: [0, -80], ArrowLeft: [80, 0], ArrowRight: [-80, 0] };
    const arrow = ({ key }) => (app.selected ? app.walk(key) : app.viewport.panBy(...steps[key]));
    const arrows = Object.fromEntries(Object.keys(steps).map((key) => [key, arrow]));
    return { ...arrows, Enter: toggle, " ": toggle };
  }

  searchKey(event) {
    const { app, elements } = this;
    if (event.key === "Enter") app.stepSearch(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      if (elements.search.value) app.find("");
      elements.search.blur();
      elements.graph.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
  }

  // Escape undoes one thing at a time.
  leave() {
    const { app } = this;
    if (app.selected) app.choose(null);
    else if (app.search.query) app.find("");
    else if (app.picked.size) {
      app.picked.clear();
      app.showLegend();
      app.scene.redraw();
    }
  }
}

function drawLegend(app, legend) {
  const { colouring } = app;
  const title = el("summary", {}, colouring.label);
  const content = colouring instanceof Scale ? scaleLegend(colouring) : categoryLegend(app);
  legend.replaceChildren(title, ...content);
}

function categoryLegend(app) {
  const counts = app.colouring.counts(app.data.operators);
  return app.colouring.categories
    .filter(({ key }) => counts.has(key))
    .map(({ key, label: text, colour }) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.setProperty("--c", colour);
      const isPicked = app.picked.has(key);
      const attributes = { "aria-pressed": String(isPicked), onclick: () => app.pick(key) };
      return el("button", attributes, swatch, text, el("span", { class: "count" }, String(counts.get(key))));
    });
}

function scaleLegend(scale) {
  const ends = [scale.isLogarithmic ? scale.least : scale.low, scale.high];
  const texts = ends.map((value) => el("span", {}, numberText(value, scale.unit)));
  const spacing = scale.isLogarithmic ? "logarithmic" : "linear";
  const folded = scale.sums
    ? `folded modules, each a sum: up to ${numberText(scale.groupHigh, scale.unit)}`
    : "a folded module shows its largest";
  return [
    el("div", { class: "ramp" }),
    el("div", { class: "ramp-ends" }, texts),
    el("p", { class: "quiet" }, `${spacing}; ${folded}`),
  ];
}

function switchTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
}
