// Draws what is in sight. Boxes and lines outside of the window are not in the document, and far
// away boxes are drawn without their texts.

const SVG = "http://www.w3.org/2000/svg";
const NEAR = 0.42; // from this zoom on texts can be read
const SPECK = 7; // a group smaller than this on the screen is drawn without its contents

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function label(text, x, y, className) {
  const element = svg("text", { x, y, class: className });
  element.textContent = text;
  return element;
}

class Scene {
  constructor(element) {
    this.element = element;
    this.layers = {};
    this.sheet = svg("g", { class: "sheet" });
    for (const name of ["frames", "lines", "marks", "boxes"]) {
      this.layers[name] = svg("g", { class: name });
      this.sheet.append(this.layers[name]);
    }
    this.element.append(this.sheet);
    this.drawn = new Map();
    this.view = { x: 0, y: 0, k: 1 };
    this.colouring = null;
    this.selected = null;
    this.isDimmed = () => false;
    this.pending = false;
  }

  get size() {
    const box = this.element.getBoundingClientRect();
    return { width: box.width || 1, height: box.height || 1 };
  }

  show(graph) {
    this.graph = graph;
    this.redraw();
  }

  // Draw everything anew: after a change of layout, colours or selection.
  redraw() {
    for (const layer of Object.values(this.layers)) layer.replaceChildren();
    this.drawn.clear();
    this.refresh();
  }

  look(view) {
    this.view = view;
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.refresh();
    });
  }

  refresh() {
    const { x, y, k } = this.view;
    this.sheet.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    this.element.style.setProperty("--zoom", k);
    const isNear = k >= NEAR;
    this.element.classList.toggle("near", isNear);
    const wanted = this.inSight(isNear);
    for (const [key, element] of this.drawn) {
      if (!wanted.has(key)) {
        element.remove();
        this.drawn.delete(key);
      }
    }
    for (const [key, [layer, draw]] of wanted) {
      if (!this.drawn.has(key)) {
        const element = draw();
        this.layers[layer].append(element);
        this.drawn.set(key, element);
      }
    }
  }

  // Return what is to be drawn now: key to layer and drawing function.
  inSight(isNear) {
    const { width, height } = this.size;
    const { x, y, k } = this.view;
    const margin = 120 / k;
    const sight = [-x / k - margin, -y / k - margin, (width - x) / k + margin, (height - y) / k + margin];
    const wanted = new Map();
    const mode = isNear ? "near" : "far";
    const visit = (group) => {
      for (const [i, line] of group.lines.entries()) {
        if (!overlap(sight, shifted(line.box, group))) continue;
        wanted.set(`l${mode}${group.key} ${i}`, ["lines", () => this.line(group, line, isNear)]);
      }
      for (const node of group.children) {
        const box = [node.left, node.top, node.left + node.w, node.top + node.h];
        if (!overlap(sight, box)) continue;
        const isFrame = node.isGroup && node.isOpen && Math.max(node.w, node.h) * k > SPECK;
        if (isFrame) {
          wanted.set("f" + node.key, ["frames", () => this.frame(node)]);
          const isNamed = isNear || fitsFar(node, k);
          if (isNamed) wanted.set(`h${mode}${node.key}`, ["boxes", () => this.header(node, isNear)]);
          visit(node);
        } else {
          wanted.set(mode + node.key, ["boxes", () => this.box(node, isNear)]);
        }
      }
    };
    visit(this.graph.root);
    this.mark(wanted);
    return wanted;
  }

  // Lines of the selected box, above the others.
  mark(wanted) {
    if (!this.selected) return;
    const shown = visibleOf(this.selected);
    for (const side of ["inputs", "outputs"]) {
      const tensors = new Set(tensorsAt(shown, side));
      if (!tensors.size) continue;
      wanted.set("m" + side, ["marks", () => this.markedLines(shown, side, tensors)]);
    }
  }

  markedLines(node, side, tensors) {
    const isInput = side === "inputs";
    const inside = node.isGroup ? new Set(allGroups(node)) : new Set();
    const paths = svg("g", { class: `marked ${side}` });
    const visit = (group) => {
      if (inside.has(group)) return;
      for (const line of group.lines) {
        const touched = [...line.tensors].some((tensor) => tensors.has(tensor));
        if (touched && this.leadsTo(line, node, isInput)) {
          paths.append(svg("path", { d: line.path, transform: move(group.left, group.top) }));
        }
      }
      for (const child of group.children) if (child.isGroup && child.isOpen) visit(child);
    };
    visit(this.graph.root);
    return paths;
  }

  // Inputs are followed from the box back to their makers, outputs forth to their users.
  leadsTo(line, node, isInput) {
    if (!isInput) return true;
    if (line.isExit) return true;
    const end = line.to;
    return end === node || (end.isGroup && end.isOpen && ancestors(node).includes(end));
  }

  line(group, line, isNear) {
    const attributes = { d: line.path, transform: move(group.left, group.top), class: "line" };
    if (isNear && !line.isExit && !(line.to.isGroup && line.to.isOpen)) {
      attributes["marker-end"] = "url(#arrow)";
    }
    if (line.tensors.size > 1) attributes.class += " thick";
    return svg("path", attributes);
  }

  frame(node) {
    const level = ancestors(node).length % 2 ? "odd" : "even";
    const frame = svg("g", { class: `frame ${level}`, transform: move(node.left, node.top) });
    frame.append(svg("rect", { width: node.w, height: node.h, rx: 9 }));
    if (visibleOf(this.selected || this.graph.root) === node) frame.classList.add("selected");
    return frame;
  }

  header(node, isNear) {
    const header = this.start(node, "header");
    header.append(svg("rect", { class: "hit", width: node.w, height: BOX.header, rx: 9 }));
    if (!isNear) {
      header.append(label(fitText(node.title, TITLE_FONT, BOX.most), 6, 4, "far-title"));
      return header;
    }
    header.append(this.toggle(node, 6, 6));
    const title = fitText(node.title, TITLE_FONT, node.w - 44);
    header.append(label(title, 30, 19, "title"));
    const used = 38 + textWidth(title, TITLE_FONT);
    if (node.className && used + textWidth(node.className, DETAIL_FONT) < node.w - 8) {
      header.append(label(node.className, used, 19, "detail"));
    }
    return header;
  }

  box(node, isNear) {
    const box = this.start(node, node.isGroup ? "group" : node.isOperator ? "operator" : "terminal");
    const colour = this.colouring.of(node);
    if (colour) box.style.setProperty("--c", colour);
    box.classList.toggle("plain", !colour);
    box.classList.toggle("strong", Boolean(this.colouring.isStrong && this.colouring.isStrong(node)));
    const rx = node.isGroup ? 9 : node.isOperator ? 6 : 20;
    if (node.isGroup && !node.isOpen) {
      box.append(svg("rect", { class: "shadow", x: 3, y: 3, width: node.w, height: node.h, rx }));
    }
    box.append(svg("rect", { class: "card", width: node.w, height: node.h, rx }));
    if (node.isGroup) this.addParts(box, node);
    if (isNear) this.addTexts(box, node);
    this.addBadge(box, node);
    return box;
  }

  start(node, className) {
    const element = svg("g", { class: className, transform: move(node.left, node.top) });
    element.dataset.key = node.key;
    if (this.selected && visibleOf(this.selected) === node) element.classList.add("selected");
    if (this.isDimmed(node)) element.classList.add("dimmed");
    return element;
  }

  addTexts(box, node) {
    const isCentred = !node.isGroup && !node.isOperator;
    const room = node.w - (node.isGroup ? 38 : 16);
    const left = isCentred ? node.w / 2 : node.isGroup ? 30 : 10;
    const middle = node.h / 2;
    const lift = node.isGroup ? 4 : 0;
    box.append(label(fitText(node.title, TITLE_FONT, room), left, middle - 4 - lift, "title"));
    const value = this.colouring.text ? this.colouring.text(node) : "";
    const detail = fitText(value || detailText(node), DETAIL_FONT, room);
    box.append(label(detail, left, middle + 12 - lift, "detail"));
    if (node.isGroup) box.append(this.toggle(node, 7, middle - 16 - lift));
  }

  addParts(box, group) {
    if (!this.colouring.parts) return;
    const width = group.w - 20;
    let x = 10;
    for (const { colour, share } of this.colouring.parts(group)) {
      const part = svg("rect", { class: "part", x, y: group.h - 11, width: share * width, height: 5 });
      part.style.setProperty("--c", colour);
      box.append(part);
      x += share * width;
    }
  }

  addBadge(box, node) {
    const findings = findingsOf(node);
    if (!findings.length) return;
    const level = worstLevel(findings);
    const badge = svg("g", { class: `badge ${level}`, transform: move(node.w - 4, 4) });
    badge.append(svg("circle", { r: 8 }));
    badge.append(label({ error: "!", warning: "!", note: "i" }[level], 0, 3.6, "badge-text"));
    box.append(badge);
  }

  toggle(node, x, y) {
    const toggle = svg("g", { class: "toggle", transform: move(x, y) });
    toggle.append(svg("rect", { width: 16, height: 16, rx: 4 }));
    toggle.append(svg("path", { d: node.isOpen ? "M4 8h8" : "M4 8h8M8 4v8" }));
    return toggle;
  }
}

// Far titles keep their size on the screen, so only wide boxes have room for one.
function fitsFar(node, k) {
  const width = Math.min(BOX.most, textWidth(node.title, TITLE_FONT));
  return node.w * k > width + 12 && node.h * k > 60;
}

function move(x, y) {
  return `translate(${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10})`;
}

function shifted([left, top, right, bottom], group) {
  return [left + group.left, top + group.top, right + group.left, bottom + group.top];
}

function overlap(a, b) {
  return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

function allGroups(node) {
  return [node, ...node.children.filter((child) => child.isGroup).flatMap(allGroups)];
}
