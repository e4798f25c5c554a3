/** Small helpers around the document. */

/** The element of an id, which the page has. */
export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Make an element with text or children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Let one side take files that are chosen, photographed, dropped, or pasted while it is shown. */
export function takeFiles(side: "read" | "write", take: (files: File[]) => void): void {
  const drop = byId(`${side}-drop`);
  const filesOf = (list: FileList | undefined | null) => [...(list ?? [])];
  for (const input of [byId<HTMLInputElement>(`${side}-file`), byId<HTMLInputElement>(`${side}-camera`)]) {
    input.addEventListener("change", () => {
      const files = filesOf(input.files);
      input.value = ""; // so that the same file can be chosen again
      if (files.length > 0) take(files);
    });
  }
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = filesOf(event.dataTransfer?.files);
    if (files.length > 0) take(files);
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData?.files);
    if (files.length === 0 || drop.closest("[hidden]")) return;
    event.preventDefault();
    take(files);
  });
}

/** Make tabs of buttons: arrow keys move, and a panel is shown for each. */
export function wireTabs(tabs: readonly HTMLButtonElement[]): void {
  const select = (chosen: HTMLButtonElement) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")!).hidden = tab !== chosen;
    }
    chosen.focus();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step !== undefined) select(tabs[(i + step + tabs.length) % tabs.length]!);
    });
  });
}

/** Empty a box, and let go of the pictures and files that it showed. */
export function clear(box: HTMLElement): void {
  for (const element of box.querySelectorAll<HTMLImageElement | HTMLAnchorElement>("img, a")) {
    URL.revokeObjectURL("src" in element ? element.src : element.href);
  }
  box.replaceChildren();
}

/** A link that saves something under a name. */
export function downloadLink(content: Blob, name: string, text: string): HTMLAnchorElement {
  return make("a", { href: URL.createObjectURL(content), download: name, textContent: text });
}
