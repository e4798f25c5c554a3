// What the colours of boxes mean.

const TYPE_COLOURS = {
  FLOAT32: "--type-float",
  FLOAT64: "--type-float",
  FLOAT16: "--type-half",
  BFLOAT16: "--type-half",
  INT16: "--type-int16",
  INT8: "--type-int8",
  UINT8: "--type-int8",
  INT4: "--type-int4",
  UINT4: "--type-int4",
  INT2: "--type-int4",
  INT32: "--type-index",
  INT64: "--type-index",
  UINT32: "--type-index",
  BOOL: "--type-bool",
};
// Types that say something about how an operator computes; others hold shapes, axes and choices.
const NARROW = new Set(["FLOAT16", "BFLOAT16", "INT16", "INT8", "UINT8", "INT4", "UINT4", "INT2"]);
const LEVELS = ["error", "warning", "note"];

// A colouring gives each box a colour and each legend its entries; `parts` of a folded group
// show what is in it.
class Categories {
  constructor(name, label, categories, categoryOf) {
    this.name = name;
    this.label = label;
    this.categories = categories; // {key, label, colour}
    this.categoryOf = categoryOf; // key of an operator
    this.colours = new Map(categories.map(({ key, colour }) => [key, colour]));
  }

  of(node) {
    return node.isOperator ? this.colours.get(this.categoryOf(node)) : "";
  }

  parts(group) {
    const counts = this.counts(group.operators);
    return this.categories
      .filter(({ key }) => counts.has(key))
      .map(({ key, colour }) => ({ colour, share: counts.get(key) / group.operators.length }));
  }

  counts(operators) {
    const counts = new Map();
    for (const operator of operators) {
      const key = this.categoryOf(operator);
      counts.set(key, (counts.get(key) || 0) + 1);
    }
    return counts;
  }
}

class Scale {
  constructor(number, measure, operators) {
    this.name = "measure" + number;
    this.number = number;
    this.label = measure.name;
    this.unit = measure.unit;
    this.sums = measure.combine === "sum";
    const values = operators.map((operator) => operator.values.get(number));
    const known = values.filter(Number.isFinite);
    this.low = known.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = known.reduce((a, b) => Math.max(a, b), -Infinity);
    const positive = known.filter((value) => value > 0).sort((a, b) => a - b);
    const median = positive[Math.floor(positive.length / 2)];
    this.isLogarithmic = !this.sums && this.low >= 0 && this.high > 30 * median;
    // What is far below the largest value is all the same.
    this.least = Math.max(positive[0] || 0, this.high * 1e-6);
    this.isEmpty = !known.length;
    this.groupHigh = this.high;
  }

  // Sums grow with the size of a module: operators are compared with operators, and folded
  // modules with those that are seen.
  fitTo(nodes) {
    const values = nodes.filter((node) => node.isGroup).map((node) => this.valueOf(node));
    this.groupHigh = values.filter(Number.isFinite).reduce((a, b) => Math.max(a, b), 0);
  }

  valueOf(node) {
    if (node.isOperator) return node.values.get(this.number);
    if (!node.isGroup) return undefined;
    const values = node.operators.map((o) => o.values.get(this.number));
    const known = values.filter((value) => value !== undefined);
    if (!known.length) return undefined;
    if (this.sums) return known.reduce((a, b) => a + b, 0);
    return known.some(Number.isNaN) ? NaN : Math.max(...known);
  }

  // Return a place from 0 to 1.
  position(node) {
    const value = this.valueOf(node);
    const high = this.sums && node.isGroup ? this.groupHigh : this.high;
    if (Number.isNaN(value) || value === Infinity) return 1;
    if (this.isLogarithmic) {
      const span = Math.log(high / this.least);
      return span > 0 ? clamp(Math.log(Math.max(value, this.least) / this.least) / span) : 1;
    }
    return high > this.low ? clamp((value - this.low) / (high - this.low)) : 1;
  }

  of(node) {
    return this.valueOf(node) === undefined ? "" : heat(this.position(node));
  }

  // Whether the colour is so strong that dark texts could not be read on it.
  isStrong(node) {
    return this.valueOf(node) !== undefined && this.position(node) > 0.6;
  }

  text(node) {
    const value = this.valueOf(node);
    return value === undefined ? "" : numberText(value, this.unit);
  }
}

function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

// From pale to strong; the sheet's colour shines through what is small.
function heat(position) {
  const share = Math.round(12 + 88 * position);
  return `color-mix(in oklab, var(--heat-high) ${share}%, var(--heat-low))`;
}

function numberText(value, unit) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? value.toExponential(2)
      : String(Number(value.toPrecision(4)));
  return unit ? `${text} ${unit}` : text;
}

// The type of the result and, where they differ, that of the weights.
function typeOf(operator) {
  const [result] = operator.outputs;
  const type = result ? result.type : "none";
  const weights = operator.operands.find(
    (tensor) => tensor && tensor.isConstant && tensor.type !== type && NARROW.has(tensor.type),
  );
  return weights ? `${type}, weights ${weights.type}` : type;
}

function typeColour(key) {
  return key.includes(",") ? "--type-mixed" : TYPE_COLOURS[key] || "--type-other";
}

function colourings(data) {
  const { operators } = data;
  const families = data.families.map((label, key) => ({ key, label, colour: `--family-${key}` }));
  const types = unique(operators.map(typeOf))
    .sort()
    .map((key) => ({ key, label: key, colour: typeColour(key) }));
  const found = [
    new Categories("kind", "operator type", asColours(families), (operator) => operator.family),
    new Categories("type", "data type", asColours(types), typeOf),
  ];
  if (data.findings.length) {
    const levels = [...LEVELS, ""].map((key) => ({
      key,
      label: key ? `${key}s` : "no finding",
      colour: key ? `--level-${key}` : "--level-none",
    }));
    const level = (operator) => worstLevel(operator.findings);
    found.push(new Categories("findings", "findings", asColours(levels), level));
  }
  data.measures.forEach((measure, number) => found.push(new Scale(number, measure, operators)));
  return found.filter((colouring) => !colouring.isEmpty);
}

function asColours(categories) {
  return categories.map((category) => ({ ...category, colour: `var(${category.colour})` }));
}
