// Finding operators by kind, name, type, shape, module, number or finding.

class Search {
  constructor(data) {
    this.data = data;
    this.texts = null;
    this.query = "";
    this.found = [];
    this.foundSet = new Set();
    this.at = -1;
  }

  // Every word must occur somewhere in what is known of an operator.
  run(query) {
    this.query = query.trim();
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    this.texts = this.texts || new Map(this.candidates().map((leaf) => [leaf, searchText(leaf)]));
    const matches = ([, text]) => words.every((word) => text.includes(word));
    this.found = words.length ? [...this.texts].filter(matches).map(([leaf]) => leaf) : [];
    this.foundSet = new Set(this.found);
    this.at = -1;
  }

  candidates() {
    return this.data.graphs.flatMap((graph) => graph.leaves);
  }

  // Return the next match after the last one shown, around the end.
  step(direction) {
    if (!this.found.length) return null;
    const start = this.at < 0 && direction < 0 ? 0 : this.at;
    this.at = (start + direction + this.found.length) % this.found.length;
    return this.found[this.at];
  }

  get status() {
    if (!this.query) return "";
    if (!this.found.length) return "none";
    return this.at < 0 ? String(this.found.length) : `${this.at + 1}/${this.found.length}`;
  }

  has(node) {
    if (!node.isGroup) return this.foundSet.has(node);
    return node.children.some((child) => this.has(child));
  }
}

function searchText(leaf) {
  const tensors = leaf.isOperator ? [...leaf.operands, ...leaf.outputs] : [leaf.tensor];
  const known = tensors.filter(Boolean);
  const parts = [
    leaf.title,
    leaf.isOperator ? `#${leaf.index}` : leaf.side,
    leaf.module || "",
    ...(leaf.isOperator ? leaf.outputs : known).map((tensor) => tensor.name),
    ...unique(known.map((tensor) => tensor.type)),
    ...unique(known.map((tensor) => tensor.shapeText.replaceAll("×", "x"))),
    ...(leaf.findings || []).map((finding) => finding.code),
  ];
  return parts.join("\n").toLowerCase();
}
