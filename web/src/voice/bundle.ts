/** A voice bundle in the worker: sound in, emotions out (`voice/bundle.py`). The spectrogram is part of its network. */

import { softmax } from "../bundle";
import { BundleError } from "../errors";
import { readMetadata } from "../onnx";
import { openSession, type Session } from "../session";
import { VOICE_HEADS, type VoiceHead } from "./heads";

const FORMAT_VERSION = 1;
const KIND = "voice";

/** What a page must know of a voice bundle. */
export interface VoiceInfo {
  name: string;
  labels: { name: string; emotions: string[] };
  /** Samples per second that it takes. */
  rate: number;
  /** Seconds of sound that it was made for. */
  window: number;
}

/** What a network says of one window. */
export interface VoiceAnswer {
  probabilities: number[];
  voteShares: number[];
  /** How strong people would find the emotion, 0 to 1. */
  strength: number;
}

interface Calibration {
  factors: number[];
  offsets: number[];
}

interface VoiceMetadata extends VoiceInfo {
  shortest: number;
  heads: Record<VoiceHead, Calibration>;
  shareTemperature: number;
  strength: [number, number];
}

/** Read the metadata of a voice bundle; raise BundleError where it is none. */
export function parseVoice(text: string | null, source: string): VoiceMetadata {
  if (text === null) {
    throw new BundleError(`${source} is a network, but not a voice bundle of mien's: it has no metadata in it`);
  }
  try {
    const values = JSON.parse(text) as Raw;
    if (values.kind !== KIND) throw new BundleError(`${source}: expected a voice bundle, got one of another kind`);
    if (values.format_version > FORMAT_VERSION) {
      throw new BundleError(
        `${source} is a voice bundle of format version ${values.format_version}; this mien reads up to ` +
          `${FORMAT_VERSION}. Use a newer mien`,
      );
    }
    const { labels, heads } = values;
    for (const name of VOICE_HEADS) {
      const lengths = [heads[name].factors.length, heads[name].offsets.length];
      if (lengths.some((length) => length !== labels.names.length)) throw new TypeError(`head ${name}`);
    }
    return {
      name: values.name,
      labels: { name: labels.name, emotions: labels.names },
      rate: values.rate,
      window: values.window,
      shortest: values.shortest,
      heads,
      shareTemperature: values.share_temperature,
      strength: values.strength,
    };
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError(
      `${source}: expected the metadata of a voice bundle, got something damaged (${String(error)}). Export it again`,
    );
  }
}

interface Raw {
  format_version: number;
  kind: string;
  name: string;
  labels: { name: string; names: string[] };
  rate: number;
  window: number;
  shortest: number;
  heads: Record<VoiceHead, Calibration>;
  share_temperature: number;
  strength: [number, number];
}

/** A loaded voice network. */
export class VoiceBundle {
  private constructor(
    readonly metadata: VoiceMetadata,
    private readonly session: Session,
  ) {}

  /** Load a voice bundle from an ONNX file's bytes; `source` names it in messages. */
  static async open(content: Uint8Array, source: string): Promise<VoiceBundle> {
    return new VoiceBundle(parseVoice(readMetadata(content), source), await openSession(content, source, true));
  }

  /** Read one window, mono, -1 to 1, at the bundle's rate; a shorter one is followed by silence. */
  async answer(sound: Float32Array, head: VoiceHead): Promise<VoiceAnswer> {
    const { shortest, heads, shareTemperature, strength } = this.metadata;
    const samples = new Float32Array(Math.max(sound.length, shortest));
    samples.set(sound);
    const found = await this.session.run("sound", samples, [1, samples.length]);
    const logits = [...found[head].data];
    const { factors, offsets } = heads[head];
    const [factor, summand] = strength;
    return {
      probabilities: softmax(
        logits.map((value, k) => factors[k] * value + offsets[k]),
        1,
      ),
      voteShares: softmax([...found.votes.data], shareTemperature),
      strength: Math.min(1, Math.max(0, found.strength.data[0] * factor + summand)),
    };
  }
}
