/** What is shown of a picture that was read or marked. */

import type { ModelContract } from "../src/contract.ts";
import { downloadLink, make } from "./dom.ts";
import type { Choice } from "./models-list.ts";
import type { Opened, Read, Written } from "./protocol.ts";
import { detectionToJson, verdictOf } from "./words.ts";

/** A picture that was read: the verdict, and all of it as JSON. */
export function readCard(file: File, read: Read, model: ModelContract, opened: Opened, detectors: number): HTMLElement {
  const verdict = verdictOf(read.detection, model.card, detectors);
  const body = make("div");
  body.append(make("h2", { className: verdict.status, textContent: verdict.title }));
  if (verdict.content !== null) body.append(make("p", { className: "content", textContent: verdict.content }));
  for (const sentence of [...verdict.sentences, ...framesOf(read)]) body.append(make("p", { textContent: sentence }));
  body.append(
    make("p", { className: "file", textContent: `${file.name}, ${read.width} x ${read.height} pixels` }),
    make(
      "details",
      {},
      make("summary", { textContent: "All bits as read" }),
      make("code", { textContent: read.detection.hex }),
    ),
  );
  const record = {
    schema_version: 1,
    source: file.name,
    width: read.width,
    height: read.height,
    model: modelOf(model),
    backend: opened.backend,
    trials: opened.trials,
    detection: detectionToJson(read.detection),
    ...(read.video && { frames: read.video.frames, stopped_early: read.video.stoppedEarly, problem: read.video.problem }),
  };
  body.append(make("div", { className: "actions" }, jsonLink(record, file.name)));
  const card = make("article", read.video ? { className: "card" } : { className: "card reading" }, ...(read.video ? [] : [preview(file)]), body);
  card.dataset["status"] = verdict.status;
  card.dataset["record"] = JSON.stringify(record);
  return card;
}

/** How much of a video was read. */
function framesOf({ video }: Read): string[] {
  if (!video) return [];
  const frames = `${video.frames} frame${video.frames === 1 ? " was read" : "s were read together"}`;
  return [`${frames}${video.stoppedEarly ? ", enough to be certain" : ""}.`, ...(video.problem === null ? [] : [video.problem])];
}

/** A picture that cannot be read: why. */
export function failureCard(file: File, message: string): HTMLElement {
  const card = make(
    "article",
    { className: "card" },
    make("h2", { textContent: "Not read" }),
    make("p", { textContent: message }),
    make("p", { className: "file", textContent: file.name }),
  );
  card.dataset["status"] = "failed";
  return card;
}

/** A picture that was marked: before and after, the difference, the file, and whether these detectors read it. */
export function writtenCard(
  file: File,
  written: Written,
  model: ModelContract,
  opened: Opened,
  detectors: readonly Choice[],
): HTMLElement {
  const type = written.file.type.replace("image/", "");
  const isSame = file.type === written.file.type;
  const [, stem, suffix] = /^(.*?)(\.[^.]*)?$/.exec(file.name)!;
  const name = `${stem || "picture"}_marked${isSame && suffix ? suffix : `.${type}`}`;
  const link = downloadLink(written.file, name, "Save the marked picture");
  const quality = Number.isFinite(written.psnrDb) ? `${written.psnrDb.toFixed(1)} dB PSNR` : "no pixel changed";
  const record = {
    schema_version: 1,
    source: file.name,
    width: written.width,
    height: written.height,
    message: written.hex,
    psnr_db: Number.isFinite(written.psnrDb) ? written.psnrDb : null,
    model: modelOf(model),
    backend: opened.backend,
    trials: opened.trials,
  };
  return make(
    "article",
    { className: "card" },
    make("h2", { textContent: "Marked" }),
    ...comparison(file, written),
    make("p", { textContent: `${written.width} x ${written.height} pixels, as the source; ${quality}.` }),
    make("p", {
      className: "file",
      textContent: isSame
        ? "Saved in the source's format, with what the source says of itself, such as its date, place and colours."
        : `Saved as ${type.toUpperCase()}, since browsers do not write the source's format; what the source says of itself is left out.`,
    }),
    ...(detectors.some((one) => one.model.card === model.card)
      ? []
      : [make("p", { textContent: `Only a detector of ${model.card} reads this mark; this page has none.` })]),
    make("div", { className: "actions" }, link, jsonLink(record, file.name)),
  );
}

/** Both pictures on top of each other, how far the marked one is drawn over, and the difference. */
function comparison(file: File, written: Written): HTMLElement[] {
  const after = make("img", { className: "after", src: URL.createObjectURL(written.file), alt: "The marked picture" });
  const canvas = make("canvas", { width: written.difference.width, height: written.difference.height, hidden: true });
  canvas.getContext("2d")!.drawImage(written.difference, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "What was added, sixteen times enlarged");
  const before = make("img", { src: URL.createObjectURL(file), alt: "The picture as it was" });
  const box = make("div", { className: "compare" }, before, after, canvas);
  const split = make("input", { type: "range", className: "split", min: "0", max: "100", value: "50" });
  split.setAttribute("aria-label", "Left of here the picture as it was, right of here the marked one");
  split.addEventListener("input", () => box.style.setProperty("--split", `${split.value}%`));
  const toggle = make("input", { type: "checkbox" });
  toggle.addEventListener("change", () => {
    canvas.hidden = !toggle.checked;
    box.classList.toggle("differing", toggle.checked);
    split.disabled = toggle.checked;
  });
  return [box, split, make("label", {}, toggle, " Show what was added, sixteen times enlarged")];
}

function preview(file: File): HTMLImageElement {
  return make("img", { src: URL.createObjectURL(file), alt: "" });
}

function modelOf(model: ModelContract): object {
  return { file: model.file, sha256: model.sha256, card: model.card, recipe: model.recipe };
}

function jsonLink(record: object, name: string): HTMLAnchorElement {
  const content = new Blob([`${JSON.stringify(record, null, 2)}\n`], { type: "application/json" });
  const link = downloadLink(content, `${name}.json`, "Save as JSON");
  link.className = "quiet";
  return link;
}
