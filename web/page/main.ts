/** The page: pictures in, verdicts and marked pictures out. */

import { PayloadCode } from "../src/payload/code.ts";
import { capacity } from "../src/payload/payload.ts";
import { BACKEND_NAMES, type Backend } from "../src/backends.ts";
import { failureCard, readCard, writtenCard } from "./cards.ts";
import { ModelClient } from "./client.ts";
import { byId, clear, make, takeFiles, wireTabs } from "./dom.ts";
import { listModels, type Choice } from "./models-list.ts";
import { sayStored, startOffline } from "./offline.ts";
import type { EmbedRequest } from "./protocol.ts";

const WASM_URL = new URL("litert/", document.baseURI).href;

/** One side of the page: its models, and the one that is open. */
class Side {
  choices: readonly Choice[] = [];
  client: ModelClient | null = null;

  constructor(
    readonly part: "detector" | "embedder",
    readonly select: HTMLSelectElement,
  ) {}

  get choice(): Choice {
    const choice = this.choices[this.select.selectedIndex];
    if (!choice) throw new Error("The page has no model for that; reload it, and if that does not help, export it again with models.");
    return choice;
  }

  offer(choices: readonly Choice[]): void {
    this.choices = choices.filter(({ model }) => model.part === this.part);
    this.select.replaceChildren(
      ...this.choices.map(({ model }) => make("option", { textContent: `${model.card}, ${model.recipe}` })),
    );
    this.select.closest("label")!.hidden = this.choices.length < 2;
  }

  /** Open the chosen model, tested with known answers. */
  open(): ModelClient {
    this.client?.close();
    const { packUrl, model } = this.choice;
    const backends = byId<HTMLSelectElement>("backend").value.split(",") as Backend[];
    const request = { part: this.part, packUrl, file: model.file, wasmUrl: WASM_URL, backends };
    this.client = new ModelClient({ kind: "open", ...request });
    return this.client;
  }
}

const reading = new Side("detector", byId("read-model"));
const writing = new Side("embedder", byId("write-model"));
let toMark: File | null = null;

function say(text: string): void {
  byId("status").textContent = text;
}

function showProblem(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  byId("problem").textContent = text;
  byId("problem").hidden = text === "";
}

/** Do something that takes a while; what goes wrong is said, nothing else happens. */
async function working(text: string, work: () => Promise<void>): Promise<void> {
  showProblem("");
  say(text);
  document.documentElement.dataset["busy"] = "yes";
  try {
    await work();
  } catch (error) {
    showProblem(error);
  }
  say("");
  document.documentElement.dataset["busy"] = "no";
}

async function showRuns(): Promise<void> {
  const sides = [reading, writing].filter((side) => side.client);
  const lists = await Promise.allSettled(sides.map(async (side) => ({ side, opened: await side.client!.opened })));
  const known = lists.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  byId("runs-summary").textContent = [...new Set(known.map(({ opened }) => BACKEND_NAMES[opened.backend]))].join(", ") || "nothing";
  byId("trials").replaceChildren(
    ...known.flatMap(({ side, opened }) =>
      opened.trials.map((trial) => {
        const what = side.part === "detector" ? "Reading" : "Writing";
        const item = make("li", { textContent: `${what}: ${trial.reason}` });
        item.dataset["backend"] = trial.backend;
        item.dataset["right"] = String(trial.isRight);
        return item;
      }),
    ),
  );
}

async function openAll(): Promise<void> {
  await working("Loading the models and trying them with known answers …", async () => {
    for (const side of [reading, writing]) {
      if (side.choices.length > 0) await side.open().opened;
    }
    sayStored();
  });
  await showRuns();
}

async function readPictures(files: readonly File[]): Promise<void> {
  await working(files.length === 1 ? "Reading the picture …" : `Reading ${files.length} pictures …`, async () => {
    const client = reading.client ?? reading.open();
    const opened = await client.opened;
    const expect = byId<HTMLInputElement>("expect").value.trim() || null;
    const results = byId("results");
    clear(results);
    for (const file of files) {
      try {
        const onFrame = (done: number) => say(`Reading ${file.name}: ${done} frames …`);
        const read = await client.ask({ kind: "detect", picture: file, expect }, onFrame);
        results.append(readCard(file, read, reading.choice.model, opened, reading.choices.length));
      } catch (error) {
        results.append(failureCard(file, error instanceof Error ? error.message : String(error)));
      }
    }
  });
  const titles = [...document.querySelectorAll("#results h2")].map((one) => one.textContent);
  if (titles.length > 0) say(titles.length === 1 ? `${titles[0]}.` : `${titles.length} pictures read.`);
}

async function writeMark(): Promise<void> {
  await working("Marking the picture …", async () => {
    if (toMark === null) throw new Error("Choose a picture to mark first.");
    const client = writing.client ?? writing.open();
    const opened = await client.opened;
    const request: EmbedRequest = {
      kind: "embed",
      picture: toMark,
      contentKind: byId<HTMLSelectElement>("kind").value as EmbedRequest["contentKind"],
      content: byId<HTMLInputElement>("content").value,
      strength: Number(byId<HTMLInputElement>("strength").value),
    };
    clear(byId("marked"));
    const written = await client.ask(request);
    byId("marked").append(writtenCard(toMark, written, writing.choice.model, opened, reading.choices));
    say("Marked.");
  });
}

function showCapacity(): void {
  const kind = byId<HTMLSelectElement>("kind").value;
  const { bits, mark } = writing.choice.model;
  const code = mark!.payload && new PayloadCode(mark!.payload, bits);
  const digits = `${Math.ceil(bits / 4)} hexadecimal digits; such a mark is only found by who knows it.`;
  const hint = kind === "message" ? digits : code && `Up to ${capacity(kind as "text", code.payloadBits)}.`;
  byId("capacity").textContent = hint ?? "This model's messages are too short for contents; give all bits.";
}

function wire(): void {
  wireTabs([byId("tab-read"), byId("tab-write")]);
  takeFiles("read", (files) => void readPictures(files));
  takeFiles("write", ([file]) => {
    toMark = file!;
    byId("write-name").textContent = file!.name;
  });
  byId("write-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void writeMark();
  });
  byId("strength").addEventListener("input", () => {
    byId("strength-value").textContent = Number(byId<HTMLInputElement>("strength").value).toFixed(2);
  });
  byId("kind").addEventListener("change", showCapacity);
  for (const id of ["read-model", "write-model", "backend"]) {
    byId(id).addEventListener("change", () => {
      showCapacity();
      void openAll();
    });
  }
}

async function start(): Promise<void> {
  try {
    wire();
    await startOffline();
    const choices = await listModels(document.baseURI);
    if (choices.length === 0) throw new Error("This site has no models, so that it can neither read nor write; export it again with models.");
    for (const side of [reading, writing]) side.offer(choices);
    byId("tab-read").hidden = reading.choices.length === 0;
    byId("tab-write").hidden = writing.choices.length === 0;
    if (reading.choices.length === 0) byId("tab-write").click();
    if (writing.choices.length > 0) showCapacity();
    await openAll();
  } catch (error) {
    showProblem(error);
  }
  document.documentElement.dataset["ready"] = "yes";
}

void start();
