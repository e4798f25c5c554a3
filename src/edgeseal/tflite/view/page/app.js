// The page's state: which graph, what is unfolded, chosen and searched for; and its controls.

class App {
  constructor(data) {
    this.data = data;
    this.colourings = colourings(data);
    this.search = new Search(data);
    this.selected = null;
    this.picked = new Set(); // entries of the legend that are singled out
    this.elements = namedElements();
    this.scene = new Scene(this.elements.graph);
    this.scene.isDimmed = (node) => this.isDimmed(node);
    this.panel = new Panel(this, this.elements.panelBody);
    this.viewport = new Viewport(this.elements.graph, {
      onMove: (view) => this.scene.look(view),
      onTap: (key, target) => this.tap(key, target),
      onDoubleTap: (key) => this.doubleTap(key),
    });
    this.setColouring("kind");
  }

  start() {
    this.graph = this.data.graphs[0];
    new Controls(this);
    this.links = new Links(this);
    this.layOut();
    this.viewport.set(this.firstView());
    this.scene.show(this.graph);
    if (!this.links.read()) this.showTab("model");
    if (isNarrow()) {
      this.elements.legend.open = false;
      if (!this.selected) this.closePanel();
    }
    this.links.isReady = true;
    this.elements.status.textContent = "";
    document.documentElement.dataset.ready = "yes";
  }

  layOut() {
    layOutGraph(this.graph);
    this.fitColours();
  }

  firstView() {
    return this.viewport.fit(this.graph.root, { tall: 0.7, wide: 0.35 });
  }

  showGraph(graph) {
    if (graph === this.graph) return;
    this.graph = graph;
    this.elements.graphChoice.value = String(graph.index);
    this.choose(null);
    this.layOut();
    this.viewport.set(this.firstView());
    this.scene.show(graph);
    this.links.write();
  }

  // Folding

  toggle(group) {
    if (!group.parent) return;
    group.isOpen = !group.isOpen;
    this.keepInPlace(group);
    if (this.selected === group) this.panel.showNode(group);
  }

  unfoldWithin(group) {
    this.whileSaying("Laying out", () => {
      for (const inner of allGroups(group)) inner.isOpen = true;
      this.keepInPlace(group);
      this.panel.showNode(group);
    });
  }

  fold() {
    for (const group of this.graph.groups) group.isOpen = group.opensAtFirst;
    this.layOut();
    this.scene.redraw();
    this.viewport.fly(this.firstView());
    this.links.write();
  }

  unfoldAll() {
    this.whileSaying("Laying out", () => {
      for (const group of this.graph.groups) group.isOpen = true;
      this.layOut();
      this.scene.redraw();
      this.viewport.fly(this.viewport.fit(this.graph.root, { tall: 0.3, wide: 0.1 }));
      this.links.write();
    });
  }

  // Work that may take a second starts only when the window says so.
  whileSaying(text, work) {
    this.elements.status.textContent = text;
    requestAnimationFrame(() =>
      setTimeout(() => {
        work();
        this.elements.status.textContent = "";
      }),
    );
  }

  // Lay out anew while a box stays where it is on the screen.
  keepInPlace(node) {
    const { x, y, k } = this.viewport.view;
    const before = { x: node.left + node.w / 2, y: node.top };
    this.layOut();
    const after = { x: node.left + node.w / 2, y: node.top };
    this.viewport.set({ x: x + (before.x - after.x) * k, y: y + (before.y - after.y) * k, k });
    this.scene.redraw();
    this.links.write();
  }

  // Choosing

  choose(node, { fly = true } = {}) {
    this.selected = node;
    this.scene.selected = node;
    if (node) {
      if (node.graph !== this.graph) this.switchTo(node.graph, node);
      this.reveal(node);
      this.showTab("node");
      if (fly) this.viewport.focus(node, this.coveredHeight());
      this.say(describe(node));
    } else if (this.tab === "node") {
      this.showTab("model");
    }
    this.scene.redraw();
    this.links.write();
  }

  switchTo(graph, node) {
    this.showGraph(graph);
    [this.selected, this.scene.selected] = [node, node];
  }

  reveal(node) {
    const folded = ancestors(node).filter((group) => !group.isOpen);
    if (!folded.length) return;
    for (const group of folded) group.isOpen = true;
    this.layOut();
  }

  // On a narrow window the panel covers the lower part of the graph.
  coveredHeight() {
    return isNarrow() ? this.elements.panel.getBoundingClientRect().height : 0;
  }

  tap(key, target) {
    const node = key === null ? null : this.graph.byKey.get(key);
    if (node && node.isGroup && target.closest(".toggle")) this.toggle(node);
    else this.choose(node, { fly: false });
    this.elements.graph.focus({ preventScroll: true });
  }

  doubleTap(key) {
    const node = this.graph.byKey.get(key);
    if (node.isGroup) this.toggle(node);
    else this.viewport.focus(node, this.coveredHeight());
  }

  // Go along the edges, or along the order of execution.
  walk(direction) {
    const node = this.selected;
    if (direction === "ArrowUp" || direction === "ArrowDown") {
      const near = neighbours(node, direction === "ArrowUp" ? "inputs" : "outputs");
      if (near.length) this.choose(visibleOf(near[0]));
      return;
    }
    const siblings = node.parent ? node.parent.children : [];
    const next = siblings[siblings.indexOf(node) + (direction === "ArrowRight" ? 1 : -1)];
    if (next) this.choose(next);
  }

  // Searching and colouring

  find(query) {
    this.elements.search.value = query;
    this.search.run(query);
    this.afterSearch();
  }

  afterSearch() {
    this.elements.searchStatus.textContent = this.search.status;
    this.scene.redraw();
    this.links.write();
  }

  stepSearch(direction) {
    const leaf = this.search.step(direction);
    this.elements.searchStatus.textContent = this.search.status;
    if (leaf) this.choose(leaf);
  }

  setColouring(name) {
    this.colouring = this.colourings.find((c) => c.name === name) || this.colourings[0];
    this.scene.colouring = this.colouring;
    this.elements.graph.classList.toggle("scaled", this.colouring instanceof Scale);
    this.picked.clear();
    this.elements.colourChoice.value = this.colouring.name;
    if (this.graph) {
      this.fitColours();
      this.scene.redraw();
      this.links.write();
    }
  }

  fitColours() {
    if (this.colouring instanceof Scale) this.colouring.fitTo(visibleBoxes(this.graph.root));
    this.showLegend();
  }

  isDimmed(node) {
    if (this.search.query && !this.search.has(node)) return true;
    if (!this.picked.size) return false;
    const operators = node.isGroup ? node.operators : node.isOperator ? [node] : [];
    return !operators.some((operator) => this.picked.has(this.colouring.categoryOf(operator)));
  }

  pick(key) {
    if (!this.picked.delete(key)) this.picked.add(key);
    this.showLegend();
    this.scene.redraw();
  }

  showLegend() {
    drawLegend(this, this.elements.legend);
  }

  showTab(tab) {
    this.tab = tab;
    const { panel, tabs } = this.elements;
    for (const button of tabs.children) {
      button.setAttribute("aria-selected", String(button.dataset.tab === tab));
    }
    tabs.querySelector('[data-tab="node"]').disabled = !this.selected;
    panel.classList.remove("closed");
    if (tab === "findings") this.panel.showFindings();
    else if (tab === "node" && this.selected) this.panel.showNode(this.selected);
    else this.panel.showModel();
  }

  closePanel() {
    this.elements.panel.classList.add("closed");
  }

  say(text) {
    this.elements.announcer.textContent = text;
  }
}

function isNarrow() {
  return matchMedia("(max-width: 720px)").matches;
}

function describe(node) {
  if (node.isGroup) return `module ${node.id}, ${detailText(node)}`;
  const where = node.module ? ` in ${node.module}` : "";
  return node.isOperator ? `operator ${node.index}, ${node.kind}${where}` : `${node.side} ${node.title}`;
}

function namedElements() {
  const found = {};
  for (const element of document.querySelectorAll("[id]")) {
    const name = element.id.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
    found[name] = element;
  }
  return found;
}
