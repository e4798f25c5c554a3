// The graph as objects, made from the page's data.

class Tensor {
  constructor(index, record) {
    this.index = index;
    this.name = record.n;
    this.type = record.t;
    this.shape = record.s;
    this.quantization = record.q || "";
    this.marks = record.a || [];
    this.isConstant = record.c !== undefined;
    this.size = record.c || 0;
    this.values = record.x || "";
    this.producer = null;
    this.consumers = [];
  }

  get shapeText() {
    return this.shape.length ? this.shape.join("×") : "scalar";
  }
}

// An operator, or one of the graph's inputs and outputs: what is never unfolded.
class Leaf {
  constructor(graph, key, title) {
    this.graph = graph;
    this.key = key;
    this.title = title;
    this.parent = null;
    this.isGroup = false;
    this.isOperator = false;
    this.inputs = [];
    this.outputs = [];
  }

  get tensor() {
    return this.outputs[0] || this.inputs[0] || null;
  }
}

class Operator extends Leaf {
  constructor(graph, index, record) {
    super(graph, String(index), record.k);
    this.isOperator = true;
    this.index = index;
    this.kind = record.k;
    this.family = record.f;
    this.version = record.v || 1;
    this.module = record.m || "";
    this.options = record.p || [];
    this.calls = record.g || [];
    const tensor = (i) => (i < 0 ? null : graph.tensors[i]);
    this.operands = record.i.map(tensor);
    this.inputs = unique(this.operands.filter((t) => t && !t.isConstant));
    this.outputs = record.o.map(tensor);
    this.intermediates = (record.n || []).map(tensor);
    this.findings = [];
    this.values = new Map(); // of measures
  }
}

class Group {
  constructor(graph, record, parent) {
    this.graph = graph;
    this.isGroup = true;
    this.isOperator = false;
    this.key = "g" + graph.groups.length;
    this.id = record.id;
    this.title = record.label;
    this.className = record.class || "";
    this.parent = parent;
    this.isOpen = parent === null || record.open === 1;
    this.opensAtFirst = this.isOpen;
    graph.groups.push(this);
    this.children = record.in.map((child) => this.adopt(child));
    this.operators = this.children.flatMap((c) =>
      c.isGroup ? c.operators : c.isOperator ? [c] : [],
    );
    this.within = []; // edges between children: {from, to, tensor}
    this.entering = []; // edges from outside: {to, tensor}
    this.leaving = []; // edges to outside: {from, tensor}
  }

  adopt(record) {
    if (typeof record === "number") {
      const operator = this.graph.operators[record];
      operator.parent = this;
      return operator;
    }
    return new Group(this.graph, record, this);
  }
}

class Graph {
  constructor(index, record) {
    this.index = index;
    this.name = record.name;
    this.tensors = record.tensors.map((tensor, i) => new Tensor(i, tensor));
    this.labels = record.labels;
    this.operators = record.operators.map((operator, i) => new Operator(this, i, operator));
    this.groups = [];
    this.root = new Group(this, record.tree, null);
    this.inputs = record.inputs.map((tensor, i) => this.terminal("input", tensor, i));
    this.outputs = record.outputs.map((tensor, i) => this.terminal("output", tensor, i));
    this.root.children = [...this.inputs, ...this.root.children, ...this.outputs];
    this.leaves = [...this.inputs, ...this.operators, ...this.outputs];
    this.connect();
    this.byKey = new Map([...this.leaves, ...this.groups].map((node) => [node.key, node]));
  }

  terminal(side, index, number) {
    const tensor = this.tensors[index];
    const label = this.labels[index] || tensor.name || side;
    const leaf = new Leaf(this, (side === "input" ? "i" : "o") + number, label);
    leaf.side = side;
    leaf.parent = this.root;
    (side === "input" ? leaf.outputs : leaf.inputs).push(tensor);
    return leaf;
  }

  connect() {
    for (const leaf of this.leaves) {
      for (const tensor of leaf.outputs) tensor.producer = leaf;
    }
    for (const leaf of this.leaves) {
      for (const tensor of leaf.inputs) {
        tensor.consumers.push(leaf);
        if (tensor.producer && tensor.producer !== leaf) this.join(tensor.producer, leaf, tensor);
      }
    }
  }

  // Note an edge in every group that it runs in.
  join(from, to, tensor) {
    const above = new Set(ancestors(from));
    let end = to;
    while (!above.has(end.parent)) {
      end.parent.entering.push({ to: end, tensor });
      end = end.parent;
    }
    let start = from;
    while (start.parent !== end.parent) {
      start.parent.leaving.push({ from: start, tensor });
      start = start.parent;
    }
    end.parent.within.push({ from: start, to: end, tensor });
  }
}

function readData() {
  const data = JSON.parse(document.getElementById("model-data").textContent);
  data.graphs = data.subgraphs.map((record, index) => new Graph(index, record));
  data.operators = data.graphs.flatMap((graph) => graph.operators);
  for (const finding of data.findings) {
    finding.operators = finding.on.map(([graph, index]) => data.graphs[graph].operators[index]);
    for (const operator of finding.operators) operator.findings.push(finding);
  }
  data.measures.forEach((measure, number) => {
    measure.values.forEach((values, graph) =>
      values.forEach((value, index) => {
        if (value !== null) data.graphs[graph].operators[index].values.set(number, Number(value));
      }),
    );
  });
  return data;
}

function ancestors(node) {
  const found = [];
  for (let group = node.parent; group; group = group.parent) found.push(group);
  return found;
}

// The box that stands for a node now: itself, or the outermost folded group around it.
function visibleOf(node) {
  const folded = ancestors(node).filter((group) => !group.isOpen);
  return folded.length ? folded[folded.length - 1] : node;
}

function visibleBoxes(group) {
  return group.children.flatMap((child) =>
    child.isGroup && child.isOpen ? visibleBoxes(child) : [child],
  );
}

// Return what feeds a node, or what it feeds, as seen from outside of it.
function neighbours(node, side) {
  const tensors = tensorsAt(node, side);
  const leaves =
    side === "inputs"
      ? tensors.map((tensor) => tensor.producer).filter(Boolean)
      : tensors.flatMap((tensor) => tensor.consumers);
  const outside = leaves.filter((leaf) => !node.isGroup || !ancestors(leaf).includes(node));
  return unique(outside);
}

function tensorsAt(node, side) {
  if (!node.isGroup) return node[side];
  const edges = side === "inputs" ? node.entering : node.leaving;
  return unique(edges.map((edge) => edge.tensor));
}

function unique(items) {
  return [...new Set(items)];
}

function worstLevel(findings) {
  const levels = findings.map((finding) => finding.level);
  return ["error", "warning", "note"].find((level) => levels.includes(level)) || "";
}

function findingsOf(node) {
  if (node.isOperator) return node.findings;
  return node.isGroup ? unique(node.operators.flatMap((operator) => operator.findings)) : [];
}
