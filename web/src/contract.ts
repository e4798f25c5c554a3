/** The contract that `edgeseal pack` writes: what goes into a model and what comes out. */

import { EdgesealError } from "./errors.ts";

export type TensorType = "float32" | "uint8";

/** An input or output; integers stand for `scale * (integer - zero_point)`. */
export interface TensorContract {
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly scale: number | null;
  readonly zero_point: number | null;
}

/** A payload code as rows to combine, with what its decoder needs. */
export interface PayloadContract {
  readonly payload_bits: number;
  readonly crc_bits: number;
  readonly correctable_errors: number;
  readonly false_positive_rate: number;
  readonly bch: {
    readonly field_polynomial: string;
    readonly generator_polynomial: string;
    readonly has_parity_bit: boolean;
  };
  readonly mask: string;
  readonly offset: string;
  readonly rows: readonly string[];
}

/** A variant of the map that a watermark is multiplied with. */
export interface AttenuationContract {
  readonly name: string;
  readonly in_channels: 1 | 3;
  readonly out_channels: 1 | 3;
  readonly blue: boolean;
}

export interface ReadContract {
  readonly first_bit: number;
  readonly payload: PayloadContract | null;
}

export interface MarkContract {
  readonly scaling_i: number;
  readonly scaling_w: number;
  readonly attenuation: AttenuationContract | null;
  readonly payload: PayloadContract | null;
}

/** Numbers of a golden vector, as plain little-endian float32. */
export interface NumbersContract {
  readonly f32: string;
  readonly shape: readonly number[];
}

export interface VectorContract {
  readonly folder: string;
  readonly message: string;
  readonly input: NumbersContract;
  readonly bit_logits?: NumbersContract;
  readonly delta?: NumbersContract;
}

export interface ModelContract {
  readonly file: string;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly part: "detector" | "embedder";
  readonly card: string;
  readonly recipe: string;
  readonly bits: number;
  readonly signature: string;
  readonly inputs: Readonly<Record<string, TensorContract>>;
  readonly outputs: Readonly<Record<string, TensorContract>>;
  readonly read?: ReadContract;
  readonly mark?: MarkContract;
  readonly vectors: readonly VectorContract[];
}

export interface Tolerances {
  readonly input: number;
  readonly relative_squared_error: number;
  readonly sure_logit: number;
}

export interface PackContract {
  readonly schema_version: number;
  readonly tolerances: Tolerances;
  readonly models: readonly ModelContract[];
}

const SCHEMA_VERSION = 1;
const TYPES = ["float32", "uint8"];

/**
 * Check what was read from `contract.json`, as far as this module relies on it.
 *
 * @param value what `JSON.parse` gave.
 * @param where what messages call the file.
 */
export function parseContract(value: unknown, where: string): PackContract {
  const found = value as Partial<PackContract> | null;
  if (typeof found !== "object" || found === null || !Array.isArray(found.models)) {
    throw new EdgesealError("model", `${where}: is no contract; write one with "edgeseal pack".`);
  }
  if (found.schema_version !== SCHEMA_VERSION) {
    throw new EdgesealError(
      "model",
      `${where}: has schema version ${String(found.schema_version)}, expected ` +
        `${SCHEMA_VERSION}; pack the model with the Edgeseal that this page is of.`,
    );
  }
  for (const model of found.models) checkModel(model, where);
  return found as PackContract;
}

/** The side of the square that a model takes. */
export function sideOf(model: ModelContract): number {
  return model.inputs["image"]!.shape[1]!;
}

function checkModel(model: ModelContract, where: string): void {
  const name = model?.file ?? "a model without a file";
  const own = model.part === "detector" ? model.read : model.mark;
  const output = model.outputs?.[model.part === "detector" ? "logits" : "delta"];
  const tensors = [...Object.values(model.inputs ?? {}), ...Object.values(model.outputs ?? {})];
  const image = model.inputs?.["image"];
  if (!own || !output || !image || !Array.isArray(model.vectors)) {
    throw new EdgesealError("model", `${where}: ${name} is not fully described; pack it again.`);
  }
  if (image.shape.length !== 4 || image.shape[0] !== 1 || image.shape[1] !== image.shape[2]) {
    throw new EdgesealError(
      "model",
      `${where}: ${name} takes pictures of ${image.shape.join(" x ")}, expected 1 x N x N x 3; ` +
        "convert it with a batch of 1.",
    );
  }
  const strange = tensors.find((tensor) => !TYPES.includes(tensor.type));
  if (strange) {
    throw new EdgesealError(
      "model",
      `${where}: ${name} takes or gives ${strange.type}, which LiteRT.js does not; quantize it ` +
        "with --io float32.",
    );
  }
}
