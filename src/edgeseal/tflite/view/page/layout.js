// Places of boxes and courses of edges. Every unfolded group is laid out on its own by dagre, so
// that only what is visible is ever laid out, and what did not change is kept.

const BOX = {
  operatorHeight: 44,
  groupHeight: 54,
  terminalHeight: 40,
  least: 92,
  most: 260,
  padding: 16,
  header: 28,
  approach: 18, // between a header or the lower border and the first row of boxes
};
const MOST_PORTS = 12; // on one side of a group
const FONT = '"Inter", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const TITLE_FONT = `600 12.5px ${FONT}`;
const DETAIL_FONT = `11px ${FONT}`;

const pencil = document.createElement("canvas").getContext("2d");
const widths = new Map();
let stamps = 0; // one for every layout, by which the group around it notices a change

function textWidth(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    pencil.font = font;
    widths.set(key, pencil.measureText(text).width);
  }
  return widths.get(key);
}

// Cut a text to a width, in its middle if it is long: beginnings and ends tell most.
function fitText(text, font, width) {
  if (textWidth(text, font) <= width) return text;
  let kept = Math.max(2, Math.floor((text.length * width) / textWidth(text, font)));
  let cut = text;
  do {
    const head = Math.ceil(kept / 2);
    cut = text.slice(0, head) + "…" + text.slice(text.length - (kept - head));
    kept -= 1;
  } while (kept > 1 && textWidth(cut, font) > width);
  return cut;
}

function detailText(node) {
  if (node.isGroup) {
    const count = node.operators.length;
    const operators = `${count} operator${count === 1 ? "" : "s"}`;
    return node.className ? `${node.className} · ${operators}` : operators;
  }
  const tensor = node.tensor;
  return tensor ? `${tensor.type} ${tensor.shapeText}` : "";
}

function layOutGraph(graph) {
  layOut(graph.root);
  place(graph.root, 0, 0);
}

function layOut(node) {
  if (!node.isGroup || !node.isOpen) {
    sizeBox(node);
    return;
  }
  node.children.forEach(layOut);
  const state = node.children.map((child) => `${child.stamp || ""} ${child.w} ${child.h}`).join();
  if (node.state !== state) {
    node.state = state;
    stamps += 1;
    node.stamp = stamps;
    layOutGroup(node);
  }
  [node.w, node.h] = [node.openWidth, node.openHeight];
}

function sizeBox(node) {
  const symbols = node.isGroup ? 44 : 24;
  const title = textWidth(node.title, TITLE_FONT);
  const detail = textWidth(detailText(node), DETAIL_FONT);
  const width = Math.max(title, detail) + symbols;
  node.w = Math.round(Math.min(BOX.most, Math.max(BOX.least, width)));
  node.h = node.isGroup
    ? BOX.groupHeight
    : node.isOperator
      ? BOX.operatorHeight
      : BOX.terminalHeight;
  node.stamp = "";
}

function layOutGroup(group) {
  const plan = new Plan(group);
  dagre.layout(plan.graph);
  plan.readPlaces();
  group.ports = plan.ports();
  group.lines = plan.lines();
}

// One group's children, ports and edges on their way through dagre.
class Plan {
  constructor(group) {
    this.group = group;
    this.names = new Map(group.children.map((child, i) => [child, "n" + i]));
    this.graph = new dagre.graphlib.Graph();
    this.graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 34, edgesep: 12 });
    for (const [child, name] of this.names) {
      this.graph.setNode(name, { width: child.w, height: child.h });
    }
    this.pairs = new Map();
    for (const edge of group.within) this.addPair(edge.from, edge.to, edge.tensor);
    this.entries = this.addPorts("in", group.entering, (edge, port) =>
      this.addPair(port, edge.to, edge.tensor),
    );
    this.exits = this.addPorts("out", group.leaving, (edge, port) =>
      this.addPair(edge.from, port, edge.tensor),
    );
    for (const { from, to, tensors } of this.pairs.values()) {
      this.graph.setEdge(this.nameOf(from), this.nameOf(to), { weight: Math.min(4, tensors.size) });
    }
    this.keepPortsOutside();
  }

  nameOf(end) {
    return end.port || this.names.get(end);
  }

  addPair(from, to, tensor) {
    const key = `${this.nameOf(from)} ${this.nameOf(to)}`;
    if (!this.pairs.has(key)) this.pairs.set(key, { from, to, tensors: new Set() });
    this.pairs.get(key).tensors.add(tensor);
  }

  // A port is where tensors cross the group's border: each its own, unless there are many.
  addPorts(side, edges, add) {
    const tensors = unique(edges.map((edge) => edge.tensor));
    const shared = Math.ceil(tensors.length / MOST_PORTS);
    const ports = new Map();
    tensors.forEach((tensor, i) => {
      const name = side + Math.floor(i / shared);
      ports.set(tensor, { port: name, side });
      this.graph.setNode(name, { width: 6, height: 1 });
    });
    for (const edge of edges) add(edge, ports.get(edge.tensor));
    return ports;
  }

  // Ports belong on the border: all entries above every box, all exits below.
  keepPortsOutside() {
    const children = [...this.names.values()];
    if (this.entries.size) {
      this.graph.setNode("above", { width: 1, height: 1 });
      for (const { port } of this.entries.values()) {
        this.graph.setEdge("above", port, { weight: 64 });
      }
      const tops = children.filter((name) => !this.graph.inEdges(name).length);
      for (const name of tops) this.graph.setEdge("above", name, { weight: 0, minlen: 2 });
    }
    if (this.exits.size) {
      this.graph.setNode("below", { width: 1, height: 1 });
      for (const { port } of this.exits.values()) {
        this.graph.setEdge(port, "below", { weight: 64 });
      }
      const ends = children.filter((name) => !this.graph.outEdges(name).length);
      for (const name of ends) this.graph.setEdge(name, "below", { weight: 0, minlen: 2 });
    }
  }

  readPlaces() {
    if (!this.names.size) {
      this.frame(0, 0);
      return;
    }
    const boxes = [...this.names].map(([child, name]) => ({ child, at: this.graph.node(name) }));
    const bends = [...this.pairs.values()].flatMap((pair) => this.bends(pair));
    const ports = [...this.entries.values(), ...this.exits.values()].map((p) =>
      this.graph.node(p.port),
    );
    const lefts = [...boxes.map(({ child, at }) => at.x - child.w / 2), ...bends.map((p) => p.x)];
    const rights = [...boxes.map(({ child, at }) => at.x + child.w / 2), ...bends.map((p) => p.x)];
    const left = Math.min(...lefts, ...ports.map((p) => p.x));
    const right = Math.max(...rights, ...ports.map((p) => p.x));
    const top = Math.min(...boxes.map(({ child, at }) => at.y - child.h / 2));
    const bottom = Math.max(...boxes.map(({ child, at }) => at.y + child.h / 2));
    this.frame(right - left, bottom - top);
    const spare = (this.group.openWidth - (right - left)) / 2;
    [this.dx, this.dy] = [spare - left, this.firstRow - top];
    this.readBands(boxes);
  }

  frame(width, height) {
    const { group } = this;
    const isRoot = group.parent === null;
    const title = isRoot ? 0 : textWidth(group.title, TITLE_FONT) + 64;
    group.openWidth = Math.max(width + 2 * BOX.padding, Math.min(title, BOX.most));
    this.firstRow = isRoot ? BOX.padding : BOX.header + BOX.approach;
    group.openHeight = this.firstRow + height + (isRoot ? BOX.padding : BOX.approach);
  }

  // Rows of boxes: a line keeps upright within one and bends between two.
  readBands(boxes) {
    this.bands = new Map();
    for (const { child, at } of boxes) {
      child.x = at.x - child.w / 2 + this.dx;
      child.y = at.y - child.h / 2 + this.dy;
      const row = Math.round(at.y * 2);
      const band = this.bands.get(row) || { top: Infinity, bottom: -Infinity };
      band.top = Math.min(band.top, child.y);
      band.bottom = Math.max(band.bottom, child.y + child.h);
      this.bands.set(row, band);
      child.band = band;
    }
  }

  bends({ from, to }) {
    return this.graph.edge(this.nameOf(from), this.nameOf(to)).points.slice(1, -1);
  }

  portX(port) {
    return this.graph.node(port.port).x + this.dx;
  }

  ports() {
    const places = (ports) => new Map([...ports].map(([t, port]) => [t, this.portX(port)]));
    return { in: places(this.entries), out: places(this.exits) };
  }

  lines() {
    const drafts = [];
    for (const pair of this.pairs.values()) {
      const stops = this.middleStops(pair);
      for (const strand of this.strands(pair)) {
        const [tensor] = strand;
        drafts.push({ from: pair.from, to: pair.to, tensor, tensors: strand, stops });
      }
    }
    const starts = new Slots(drafts, "from", (draft) => this.aim(draft.stops[0], draft.to));
    const ends = new Slots(drafts, "to", (draft) => this.aim(draft.stops.at(-1), draft.from));
    return drafts.map((draft) => this.line(draft, starts.of(draft), ends.of(draft)));
  }

  // Tensors between two boxes share a line, unless an unfolded box has a port for each.
  strands({ from, to, tensors }) {
    const strands = new Map();
    const portOf = (end, side, tensor) =>
      end.isGroup && end.isOpen ? end.ports[side].get(tensor) : "";
    for (const tensor of tensors) {
      const key = `${portOf(from, "out", tensor)} ${portOf(to, "in", tensor)}`;
      if (!strands.has(key)) strands.set(key, new Set());
      strands.get(key).add(tensor);
    }
    return strands.values();
  }

  middleStops(pair) {
    const stops = [];
    for (const point of this.bends(pair)) {
      const band = this.bands.get(Math.round(point.y * 2));
      if (band) stops.push({ x: point.x + this.dx, band });
    }
    return stops;
  }

  aim(stop, end) {
    if (stop) return stop.x;
    return end.port ? this.portX(end) : end.x + end.w / 2;
  }

  line({ from, to, tensor, tensors, stops }, startX, endX) {
    const upwards = !from.port && !to.port && from.y > to.y;
    const runs = [
      this.startRun(from, startX, upwards),
      ...stops.map(({ x, band }) => run(x, band.top, band.bottom, upwards)),
      this.endRun(to, endX, upwards),
    ];
    const xs = runs.map((r) => r.x);
    const ys = runs.flatMap((r) => [r.y0, r.y1]);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    return { from, to, tensor, tensors, path: course(runs), box, isExit: Boolean(to.port) };
  }

  startRun(from, x, upwards) {
    if (from.port) return { x: this.portX(from), y0: 0, y1: BOX.header };
    if (upwards) return { x, y0: from.y, y1: from.band.top };
    return { x, y0: from.y + from.h, y1: from.band.bottom };
  }

  endRun(to, x, upwards) {
    const height = this.group.openHeight;
    if (to.port) return { x: this.portX(to), y0: height - 4, y1: height };
    if (upwards) return { x, y0: to.band.bottom, y1: to.y + to.h };
    return { x, y0: to.band.top, y1: to.y };
  }
}

// Where lines touch their boxes: side by side in the order of where they come from or go to.
class Slots {
  constructor(drafts, side, aim) {
    this.places = new Map();
    this.side = side;
    const touching = new Map();
    for (const draft of drafts) {
      const end = draft[side];
      if (end.port) continue;
      if (!touching.has(end)) touching.set(end, new Map());
      const tensors = touching.get(end);
      if (!tensors.has(draft.tensor)) tensors.set(draft.tensor, []);
      tensors.get(draft.tensor).push(aim(draft));
    }
    for (const [end, tensors] of touching) this.places.set(end, this.spread(end, tensors));
  }

  spread(end, tensors) {
    if (end.isGroup && end.isOpen) {
      const ports = this.side === "from" ? end.ports.out : end.ports.in;
      return new Map([...tensors.keys()].map((t) => [t, end.x + (ports.get(t) ?? end.w / 2)]));
    }
    const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
    const order = [...tensors].sort((a, b) => mean(a[1]) - mean(b[1]));
    const step = Math.min(16, (end.w - 24) / order.length);
    const first = end.x + end.w / 2 - (step * (order.length - 1)) / 2;
    return new Map(order.map(([tensor], i) => [tensor, first + i * step]));
  }

  of(draft) {
    const places = this.places.get(draft[this.side]);
    return places ? places.get(draft.tensor) : 0;
  }
}

function run(x, top, bottom, upwards) {
  return upwards ? { x, y0: bottom, y1: top } : { x, y0: top, y1: bottom };
}

// Upright runs joined by smooth bends.
function course(runs) {
  const n = (value) => Math.round(value * 10) / 10;
  // An upright of no length would leave the arrow at its end without a direction.
  const upright = ({ y0, y1 }) => (Math.abs(y1 - y0) < 0.1 ? "" : `V${n(y1)}`);
  let path = `M${n(runs[0].x)} ${n(runs[0].y0)}${upright(runs[0])}`;
  for (let i = 1; i < runs.length; i += 1) {
    const [a, b] = [runs[i - 1], runs[i]];
    const middle = (a.y1 + b.y0) / 2;
    if (Math.abs(a.x - b.x) < 0.5) path += `V${n(b.y0)}`;
    else path += `C${n(a.x)} ${n(middle)} ${n(b.x)} ${n(middle)} ${n(b.x)} ${n(b.y0)}`;
    path += upright(b);
  }
  return path;
}

// Turn places within groups into places on the sheet.
function place(node, x, y) {
  [node.left, node.top] = [x, y];
  if (!node.isGroup || !node.isOpen) return;
  for (const child of node.children) place(child, x + child.x, y + child.y);
}
