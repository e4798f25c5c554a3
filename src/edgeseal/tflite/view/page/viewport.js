// Moving and zooming the sheet by mouse, touch and keys.

const ZOOM = { least: 0.004, most: 3 };
const CLICK_REACH = 5; // pixels that a pointer may move while it clicks
const DOUBLE_MS = 350;

class Viewport {
  constructor(element, { onMove, onTap, onDoubleTap }) {
    this.element = element;
    this.onMove = onMove;
    this.onTap = onTap;
    this.onDoubleTap = onDoubleTap;
    this.view = { x: 0, y: 0, k: 1 };
    this.pointers = new Map();
    this.lastTap = { time: 0, target: null };
    element.addEventListener("pointerdown", (event) => this.press(event));
    element.addEventListener("pointermove", (event) => this.drag(event));
    element.addEventListener("pointerup", (event) => this.release(event));
    element.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    element.addEventListener("wheel", (event) => this.turn(event), { passive: false });
  }

  set(view) {
    cancelAnimationFrame(this.flight);
    this.view = view;
    this.onMove(view);
  }

  panBy(dx, dy) {
    const { x, y, k } = this.view;
    this.set({ x: x + dx, y: y + dy, k });
  }

  // Zoom so that what is at a point of the window stays there.
  zoomBy(factor, at = this.middle()) {
    const { x, y, k } = this.view;
    const next = Math.min(ZOOM.most, Math.max(ZOOM.least, k * factor));
    const ratio = next / k;
    this.set({ x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio, k: next });
  }

  middle() {
    const { width, height } = this.element.getBoundingClientRect();
    return { x: width / 2, y: height / 2 };
  }

  // Show a box of the sheet whole; the upper end of one that is too tall for the zoom `tall`.
  fit(node, { tall = 0, wide = ZOOM.least } = {}) {
    const { width, height } = this.element.getBoundingClientRect();
    const margin = Math.min(40, width / 16);
    const [across, down] = [(width - 2 * margin) / node.w, (height - 2 * margin) / node.h];
    const k = Math.max(wide, Math.min(1.1, across, Math.max(down, tall)));
    const fits = node.h * k <= height - 2 * margin;
    const x = width / 2 - (node.left + node.w / 2) * k;
    const y = fits ? height / 2 - (node.top + node.h / 2) * k : margin - node.top * k;
    return { x, y, k };
  }

  // Bring a box into the middle, near enough to read it.
  focus(node, covered = 0) {
    const { width, height } = this.element.getBoundingClientRect();
    const room = height - covered;
    const k = Math.min(Math.max(this.view.k, 0.8), 1.4);
    const x = width / 2 - (node.left + node.w / 2) * k;
    const y = room / 2 - (node.top + Math.min(node.h, room / k) / 2) * k;
    this.fly({ x, y, k });
  }

  fly(target) {
    cancelAnimationFrame(this.flight);
    const start = this.view;
    const began = performance.now();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now) => {
      const t = calm ? 1 : Math.min(1, (now - began) / 220);
      const ease = 1 - (1 - t) ** 3;
      const between = (name) => start[name] + (target[name] - start[name]) * ease;
      this.view = { x: between("x"), y: between("y"), k: between("k") };
      this.onMove(this.view);
      if (t < 1) this.flight = requestAnimationFrame(step);
    };
    this.flight = requestAnimationFrame(step);
  }

  point(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  press(event) {
    if (event.button > 1) return;
    const point = this.point(event);
    this.pointers.set(event.pointerId, { ...point, start: point, target: event.target });
    this.hasMoved = this.pointers.size > 1;
  }

  drag(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    if (event.buttons === 0) {
      this.pointers.delete(event.pointerId); // let go of outside of the window
      return;
    }
    const point = this.point(event);
    const moved = Math.hypot(point.x - pointer.start.x, point.y - pointer.start.y);
    if (!this.hasMoved && moved < CLICK_REACH) return;
    if (!this.hasMoved) this.grab();
    this.hasMoved = true;
    const before = [...this.pointers.values()].map(({ x, y }) => ({ x, y }));
    [pointer.x, pointer.y] = [point.x, point.y];
    this.follow(before, [...this.pointers.values()]);
  }

  // Only a real drag takes the pointer, so that clicks reach what is below them.
  grab() {
    for (const id of this.pointers.keys()) this.element.setPointerCapture(id);
    this.element.classList.add("dragging");
  }

  follow(before, after) {
    const centre = (points) => ({
      x: points.reduce((sum, p) => sum + p.x, 0) / points.length,
      y: points.reduce((sum, p) => sum + p.y, 0) / points.length,
    });
    const [a, b] = [centre(before), centre(after)];
    this.panBy(b.x - a.x, b.y - a.y);
    if (before.length < 2) return;
    const spread = ([p, q]) => Math.hypot(p.x - q.x, p.y - q.y) || 1;
    this.zoomBy(spread(after) / spread(before), b);
  }

  release(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.element.classList.remove("dragging");
    if (!pointer || this.hasMoved || event.button !== 0) return;
    const now = performance.now();
    const box = pointer.target.closest("[data-key]");
    const key = box ? box.dataset.key : null;
    const isDouble = key !== null && key === this.lastTap.key && now - this.lastTap.time < DOUBLE_MS;
    this.lastTap = { time: isDouble ? 0 : now, key };
    if (isDouble) this.onDoubleTap(key, pointer.target);
    else this.onTap(key, pointer.target);
  }

  turn(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 320 : 1;
    if (event.shiftKey) {
      this.panBy(-(event.deltaX || event.deltaY) * unit, 0);
      return;
    }
    // A pinch on a touchpad arrives as a turn with the control key, in smaller steps.
    const speed = event.ctrlKey ? 0.01 : 0.0016;
    this.zoomBy(Math.exp(-event.deltaY * unit * speed), this.point(event));
  }
}
