/** The models of a site: what its `models/index.json` lists. */

import { EdgesealError } from "../src/errors.ts";
import type { ModelContract } from "../src/contract.ts";
import { loadContract } from "../src/models.ts";

/** A model that can be chosen. */
export interface Choice {
  readonly packUrl: string;
  readonly model: ModelContract;
}

/** Return every model of every pack of the site, in its order. */
export async function listModels(base: string): Promise<Choice[]> {
  const url = new URL("models/", base).href;
  let packs: readonly string[];
  try {
    const response = await fetch(`${url}index.json`);
    packs = ((await response.json()) as { packs: readonly string[] }).packs;
  } catch (error) {
    throw new EdgesealError("model", "The list of models cannot be fetched. Check the connection and reload; opened from a disk, this page works through a server only, such as \"edgeseal web\".", { cause: error });
  }
  const contracts = await Promise.all(packs.map((pack) => loadContract(`${url}${pack}/`)));
  return contracts.flatMap((contract, i) =>
    contract.models.map((model) => ({ packUrl: `${url}${packs[i]!}/`, model })),
  );
}
