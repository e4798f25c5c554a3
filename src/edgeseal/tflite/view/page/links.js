// The address after # says what is shown, so that it can be shared and bookmarked.
class Links {
  constructor(app) {
    this.app = app;
    this.isReady = false;
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.read();
    });
  }

  write() {
    if (!this.isReady) return;
    const { graph, selected, search, colouring } = this.app;
    const parts = [];
    const add = (name, value) => parts.push(`${name}=${encodeURIComponent(value)}`);
    if (graph.index) add("graph", graph.index);
    if (selected) add("select", selected.isGroup ? selected.id : selected.key);
    const open = this.openText(graph);
    if (open !== null) parts.push(`open=${open}`);
    if (search.query) add("search", search.query);
    if (colouring.name !== "kind") add("colour", colouring.name);
    this.written = parts.length ? `#${parts.join("&")}` : "";
    const bare = location.href.split("#")[0];
    history.replaceState(null, "", this.written || bare);
  }

  // The innermost unfolded groups; null if they are those of the beginning.
  openText(graph) {
    if (graph.groups.every((group) => group.isOpen === group.opensAtFirst)) return null;
    if (graph.groups.every((group) => group.isOpen)) return "*";
    const holdsNone = (group) => !group.children.some((child) => child.isGroup && child.isOpen);
    const innermost = graph.groups.filter(
      (g) => g.parent && g.isOpen && visibleOf(g) === g && holdsNone(g),
    );
    return innermost.map((group) => encodeURIComponent(group.id)).join(",");
  }

  // Return whether the address chose a box.
  read() {
    const { app } = this;
    const wanted = new Map(
      location.hash
        .slice(1)
        .split("&")
        .map((part) => [part.split("=")[0], part.split("=").slice(1).join("=")]),
    );
    const text = (name) => decode(wanted.get(name) || "");
    const graph = app.data.graphs[Number(text("graph"))] || app.data.graphs[0];
    app.showGraph(graph);
    if (wanted.has("open")) this.unfold(graph, wanted.get("open"));
    if (wanted.has("colour")) app.setColouring(text("colour"));
    if (wanted.has("search")) app.find(text("search"));
    const chosen = text("select");
    const node =
      graph.leaves.find((leaf) => leaf.key === chosen) ||
      graph.groups.find((group) => group.parent && group.id === chosen);
    if (node) app.choose(node);
    return Boolean(node);
  }

  unfold(graph, text) {
    const ids = new Set(text.split(",").map(decode));
    for (const group of graph.groups) group.isOpen = group.parent === null || text === "*";
    for (const group of graph.groups) {
      if (ids.has(group.id)) [group, ...ancestors(group)].forEach((g) => (g.isOpen = true));
    }
    this.app.layOut();
    this.app.viewport.set(this.app.firstView());
    this.app.scene.redraw();
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
