// The panel beside the graph: the chosen box, the findings, the model.

const NAME_LENGTH = 38;

// Build an element; strings become text, never markup.
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null));
  return element;
}

function bytesText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
}

function counted(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

class Panel {
  constructor(app, body) {
    this.app = app;
    this.body = body;
  }

  show(...content) {
    this.body.replaceChildren(...content);
    this.body.scrollTop = 0;
  }

  showNode(node) {
    if (node.isGroup) this.showGroup(node);
    else if (node.isOperator) this.showOperator(node);
    else this.showTerminal(node);
  }

  showOperator(operator) {
    const known = operator.version > 1 ? ` · version ${operator.version}` : "";
    this.show(
      this.heading(operator.kind, `operator ${operator.index}${known}`),
      this.trail(operator),
      this.findings(operator.findings),
      this.measures(operator),
      this.operands("Inputs", operator.operands, "maker"),
      this.operands("Outputs", operator.outputs, "users"),
      this.operands("Inside", operator.intermediates, ""),
      this.calls(operator),
      this.table("Options", operator.options),
    );
  }

  showGroup(group) {
    const verb = group.isOpen ? "Fold" : "Unfold";
    const actions = el(
      "p",
      { class: "actions" },
      el("button", { onclick: () => this.app.toggle(group) }, verb),
      el("button", { onclick: () => this.app.unfoldWithin(group) }, "Unfold all within"),
    );
    this.show(
      this.heading(group.title, detailText(group)),
      this.trail(group),
      group.parent ? actions : "",
      this.findings(findingsOf(group)),
      this.measures(group),
      this.kinds(group.operators),
      this.operands("Comes in", tensorsAt(group, "inputs"), "maker"),
      this.operands("Goes out", tensorsAt(group, "outputs"), "users"),
    );
  }

  showTerminal(leaf) {
    const isInput = leaf.side === "input";
    this.show(
      this.heading(leaf.title, `${leaf.side} of the graph`),
      this.operands("Tensor", [leaf.tensor], isInput ? "users" : "maker"),
    );
  }

  showModel() {
    const { file, graphs } = this.app.data;
    const facts = [
      ["file", file.name],
      ["size", bytesText(file.size)],
      ["operators", String(this.app.data.operators.length)],
      ["constants", bytesText(constantBytes(graphs))],
      ["schema version", String(file.version)],
    ];
    if (file.description) facts.push(["description", file.description]);
    if (file.signatures.length) facts.push(["signatures", file.signatures.join(", ")]);
    if (file.metadata.length) facts.push(["metadata", file.metadata.join(", ")]);
    const { graph } = this.app;
    this.show(
      this.heading(file.name, "model"),
      this.table("", facts),
      this.operands("Inputs", unique(graph.inputs.map((leaf) => leaf.tensor)), "users"),
      this.operands("Outputs", unique(graph.outputs.map((leaf) => leaf.tensor)), "maker"),
      this.kinds(graph.operators),
    );
  }

  showFindings() {
    const { findings } = this.app.data;
    this.show(
      this.heading("Findings", counted(findings.length, "finding")),
      this.findings(findings, true),
    );
  }

  heading(title, detail) {
    return el("div", { class: "heading" }, el("h2", {}, title), el("p", { class: "quiet" }, detail));
  }

  // The modules around a box, each a link to it.
  trail(node) {
    const groups = ancestors(node).reverse().slice(1);
    const module = node.module && !groups.length ? node.module : "";
    if (!groups.length && !module) return "";
    const links = groups.map((group) => this.link(group.title, group));
    return el("nav", { class: "trail", "aria-label": "Modules" }, links.length ? links : module);
  }

  link(text, node) {
    return el("button", { class: "link", onclick: () => this.app.choose(node) }, text);
  }

  section(title, ...content) {
    return el("section", {}, title ? el("h3", {}, title) : null, ...content);
  }

  operands(title, tensors, ends) {
    if (!tensors.length) return "";
    const items = tensors.map((tensor) => el("li", {}, this.tensor(tensor, ends)));
    return this.section(title, el("ol", { class: "tensors" }, items));
  }

  tensor(tensor, ends) {
    if (!tensor) return el("p", { class: "quiet" }, "absent");
    const facts = [...tensor.marks];
    if (tensor.isConstant) facts.unshift(`constant, ${bytesText(tensor.size)}`);
    const lines = [
      el(
        "p",
        { class: "kind" },
        el("b", {}, tensor.type),
        ` ${tensor.shapeText}`,
        facts.length ? el("span", { class: "quiet" }, ` · ${facts.join(", ")}`) : null,
      ),
      tensor.values ? el("p", { class: "values" }, `= ${tensor.values}`) : null,
      tensor.quantization ? el("p", { class: "quiet" }, tensor.quantization) : null,
      this.name(tensor.name),
      ends && !tensor.isConstant ? this.ends(tensor, ends) : null,
    ];
    return el("div", { class: "tensor" }, lines);
  }

  // The end of a long name tells most.
  name(name) {
    if (name.length <= NAME_LENGTH) return el("p", { class: "name" }, name || "no name");
    const end = el("summary", {}, "…" + name.slice(-NAME_LENGTH));
    return el("details", { class: "name" }, end, name);
  }

  ends(tensor, ends) {
    const leaves = ends === "maker" ? [tensor.producer].filter(Boolean) : unique(tensor.consumers);
    if (!leaves.length) return null;
    const links = leaves.slice(0, 24).map((leaf) => this.link(this.nameOf(leaf), leaf));
    const more = leaves.length > 24 ? ` and ${leaves.length - 24} more` : null;
    return el("p", { class: "ends" }, ends === "maker" ? "from " : "to ", links, more);
  }

  nameOf(leaf) {
    return leaf.isOperator ? `${leaf.kind} ${leaf.index}` : `${leaf.side} ${leaf.title}`;
  }

  calls(operator) {
    if (!operator.calls.length) return "";
    const items = operator.calls.map((number) => {
      const graph = this.app.data.graphs[number];
      const open = () => this.app.showGraph(graph);
      return el("li", {}, el("button", { class: "link", onclick: open }, graphTitle(graph)));
    });
    return this.section("Calls", el("ol", {}, items));
  }

  table(title, rows) {
    if (!rows.length) return "";
    const lines = rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
    return this.section(title, el("dl", {}, lines));
  }

  measures(node) {
    const scales = this.app.colourings.filter((colouring) => colouring instanceof Scale);
    const rows = scales.map((scale) => [scale.label, scale.text(node)]).filter(([, text]) => text);
    return this.table("Measured", rows);
  }

  kinds(operators) {
    const counts = new Map();
    for (const { kind } of operators) counts.set(kind, (counts.get(kind) || 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const rows = sorted.map(([kind, count]) => [
      el("dt", {}, el("button", { class: "link", onclick: () => this.app.find(kind) }, kind)),
      el("dd", {}, String(count)),
    ]);
    return this.section("Operators", el("dl", { class: "counts" }, rows));
  }

  findings(findings, withPlaces = false) {
    if (!findings.length) return "";
    const order = (finding) => LEVELS.indexOf(finding.level);
    const sorted = [...findings].sort((a, b) => order(a) - order(b) || (a.code < b.code ? -1 : 1));
    return el(
      "div",
      { class: "findings" },
      sorted.map((finding) => this.finding(finding, withPlaces)),
    );
  }

  finding(finding, withPlaces) {
    const head = el("p", { class: "code" }, `${finding.code} ${finding.level}`);
    return el(
      "article",
      { class: `finding ${finding.level}` },
      head,
      finding.title ? el("p", {}, el("b", {}, finding.title)) : null,
      el("p", {}, finding.text),
      withPlaces ? this.places(finding) : null,
    );
  }

  places(finding) {
    if (!finding.operators.length) return el("p", { class: "quiet" }, "the whole model");
    const links = finding.operators.map((operator) => {
      const where = operator.module ? ` ${operator.module}` : "";
      return el("li", {}, this.link(`${this.nameOf(operator)}${where}`, operator));
    });
    const list = el("ol", { class: "places" }, links);
    if (links.length <= 3) return list;
    const title = el("summary", {}, counted(links.length, "operator"));
    return el("details", { open: links.length <= 30 }, title, list);
  }
}

function constantBytes(graphs) {
  let total = 0;
  for (const { tensors } of graphs) for (const tensor of tensors) total += tensor.size;
  return total;
}

function graphTitle(graph) {
  return graph.name ? `${graph.index}: ${graph.name}` : `subgraph ${graph.index}`;
}
