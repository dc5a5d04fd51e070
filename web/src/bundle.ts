/** A bundle: a network in a file whose metadata holds its labels, input and calibration (docs/bundle-format.md). */

import { checkSpec, FRAME, type InputSpec, toInput } from "./crop";
import { BundleError, InputError } from "./errors";
import { readMetadata } from "./onnx";
import { openSession, type Session } from "./session";
import { parseUncertainty, type Uncertainty } from "./uncertainty";

const FORMAT_VERSION = 1;
const BATCH = 16;

/** One output of the network. */
export interface Head {
  /** The name of its label set. */
  name: string;
  /** Its emotions, in the order of the columns. */
  labels: string[];
  /** Divides the logits, so that the confidence is the probability of being right. */
  temperature: number;
  /** Divides the logits, so that the distribution is the shares of people; null without votes. */
  shareTemperature: number | null;
  /** What is known of its errors; null where nothing is. */
  uncertainty: Uncertainty | null;
}

/** The metadata of a bundle. */
export interface Metadata {
  name: string;
  heads: Head[];
  input: InputSpec;
  /** Free-form parts: metrics, data, recipe, seed, commit, ... */
  card: Record<string, unknown>;
}

/**
 * Read a bundle's metadata.
 *
 * @param text JSON, or null where the file has none.
 * @param source the file's name, for messages.
 * @throws BundleError: there is none, it is damaged, or it is of a newer format version.
 */
export function parseMetadata(text: string | null, source: string): Metadata {
  if (text === null) {
    throw new BundleError(
      `${source} is a network, but not one of mien's: it has no metadata of mien's in it, so labels and ` +
        "preprocessing are unknown. Export it with `mien train` or `mien export`, see docs/bundle-format.md",
    );
  }
  try {
    const values = JSON.parse(text) as RawMetadata;
    if (values.kind !== undefined) {
      throw new BundleError(`${source}: expected a bundle that reads faces, got one of the kind ${values.kind}`);
    }
    const version = values.format_version;
    if (!Number.isInteger(version) || version < 1) throw new TypeError(`format_version ${version}`);
    if (version > FORMAT_VERSION) {
      throw new BundleError(
        `${source} is a bundle of format version ${version}; this mien reads up to ${FORMAT_VERSION}. Use a newer mien`,
      );
    }
    const heads = values.heads.map((head) => ({
      name: String(head.name),
      labels: head.labels.map(String),
      temperature: positive(head.temperature),
      shareTemperature: head.share_temperature === null ? null : positive(head.share_temperature),
      uncertainty: parseUncertainty(head.uncertainty, head.labels.length),
    }));
    const names = new Set(heads.map(({ name }) => name));
    if (!names.size || names.size < heads.length) throw new TypeError(`heads ${[...names].join(", ")}`);
    return { name: String(values.name), heads, input: checkSpec(values.input), card: { ...values.card } };
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError(
      `${source}: expected mien's metadata of format version ${FORMAT_VERSION}, got something damaged ` +
        `(${String(error)}). Download or export the bundle again`,
    );
  }
}

interface RawMetadata {
  format_version: number;
  kind?: string;
  name: string;
  heads: { name: string; labels: string[]; temperature: number; share_temperature: number | null; uncertainty?: unknown }[];
  input: InputSpec;
  card: Record<string, unknown>;
}

function positive(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    throw new TypeError(`temperature ${String(value)}`);
  }
  return value;
}

/** A loaded model: gray face crops in, logits and calibrated probabilities out. */
export class Bundle {
  private constructor(
    readonly metadata: Metadata,
    private readonly session: Session,
  ) {}

  /** Load a bundle from an ONNX file's bytes; `source` names it in messages. */
  static async open(content: Uint8Array, source: string): Promise<Bundle> {
    const metadata = parseMetadata(readMetadata(content), source);
    const bundle = new Bundle(metadata, await openSession(content, source, true));
    const logits = await bundle.logits([new Uint8Array(FRAME * FRAME)]);
    for (const { name, labels } of metadata.heads) {
      const row = logits[name]?.[0];
      if (row?.length !== labels.length || row.some((value) => !Number.isFinite(value))) {
        throw new BundleError(
          `${source}: head ${name} should give ${labels.length} finite numbers a face, gave ` +
            `${row ? String(row) : "nothing"}. Export it again`,
        );
      }
    }
    return bundle;
  }

  /** Return a head by its name; null: the default one, which is the one that was trained on votes, or the first. */
  head(name: string | null): Head {
    const { heads } = this.metadata;
    if (name === null) return this.voteHead ?? heads[0];
    const found = heads.find((head) => head.name === name);
    if (!found) {
      const names = heads.map((head) => head.name).join(", ");
      throw new InputError(`labels: expected one of this bundle's heads (${names}), got ${JSON.stringify(name)}`);
    }
    return found;
  }

  /** The head that was trained on distributions of votes; null if there is none. */
  get voteHead(): Head | null {
    return this.metadata.heads.find((head) => head.shareTemperature !== null) ?? null;
  }

  /**
   * Compute the logits of every head.
   *
   * @param crops gray, 48 x 48 each.
   * @param flip average each crop with its mirror image.
   * @returns rows of K numbers by the head's name.
   */
  async logits(crops: readonly Uint8Array[], flip = false): Promise<Record<string, number[][]>> {
    const result = await this.run(crops, false);
    if (!flip) return result;
    const mirrored = await this.run(crops, true);
    for (const [name, rows] of Object.entries(result)) {
      rows.forEach((row, n) => row.forEach((value, k) => (row[k] = (value + mirrored[name][n][k]) / 2)));
    }
    return result;
  }

  private async run(crops: readonly Uint8Array[], mirrored: boolean): Promise<Record<string, number[][]>> {
    const { heads, input } = this.metadata;
    const result = Object.fromEntries(heads.map(({ name }) => [name, [] as number[][]]));
    for (let start = 0; start < crops.length; start += BATCH) {
      const batch = crops.slice(start, start + BATCH);
      const faces = toInput(batch, input, mirrored);
      const values = await this.session.run("faces", faces, [batch.length, 1, input.size, input.size]);
      for (const { name, labels } of heads) {
        const data = values[name]?.data ?? new Float32Array(0);
        for (let row = 0; row < batch.length; row++) {
          result[name].push([...data.subarray(row * labels.length, (row + 1) * labels.length)]);
        }
      }
    }
    return result;
  }

  /** Free its memory. */
  close(): Promise<void> {
    return this.session.close();
  }
}

/** Compute the softmax of `logits / temperature`. */
export function softmax(logits: readonly number[], temperature: number): number[] {
  const scaled = logits.map((value) => value / temperature);
  const highest = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => Math.fround(value / sum));
}
