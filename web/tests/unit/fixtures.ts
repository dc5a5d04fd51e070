/** Python's results (tests/helpers/browser_fixtures.py), and the inputs that both sides make for themselves. */

import { readFileSync } from "node:fs";
import type { Box, Landmarks } from "../../src/detection/detections";
import type { Plane } from "../../src/image/area";
import type { Affine } from "../../src/image/warp";

export interface Packed {
  shape: number[];
  dtype: string;
  data: string;
}

interface Fixtures {
  gray: Packed;
  shrinking: { height: number; width: number; seed: number; result: Packed }[];
  warping: { matrix: Affine; result: Packed }[];
  cropping: {
    boxes: Box[];
    landmarks: (Landmarks | null)[];
    crops: Packed;
    whole: Packed;
    fits: [number, number, number][];
    input: Packed;
  };
  suppression: { boxes: Box[]; scores: number[]; kept: number[] };
  tracking: {
    time: number;
    boxes: Box[];
    appearances: number[][] | null;
    numbers: number[];
    values: number[][];
    averages: number[][];
    reported: number[];
  }[];
  cutting: { frames: string[]; cuts: boolean[] };
  calibration: {
    logits: number[][];
    temperature: number;
    probabilities: number[][];
    from: string[];
    to: string[];
    folded: number[][];
  };
  uncertain: { set: string[]; numbers: Record<"expressiveness" | "valence" | "arousal", [number, number, number]> }[];
  hearing: { start: number; end: number; votes: number[]; shares: number[]; strength: number }[];
  nano: {
    name: string;
    heads: {
      name: string;
      labels: string[];
      temperature: number;
      share_temperature: number | null;
      uncertainty?: { coverages: number[] };
    }[];
    size: number;
    mean: number;
    std: number;
  };
}

export const python = JSON.parse(
  readFileSync(new URL("../fixtures/python.json", import.meta.url), "utf8"),
) as Fixtures;

/** Bytes of a packed array; Float32Array where it holds such. */
export function bytes(packed: Packed): Uint8Array {
  return new Uint8Array(Buffer.from(packed.data, "base64"));
}

export function floats(packed: Packed): Float32Array {
  return new Float32Array(bytes(packed).buffer);
}

/** The same pixels as Python's `pattern`. */
export function pattern(height: number, width: number, channels: number, seed: number): Plane {
  const data = new Uint8Array(height * width * channels);
  let state = seed;
  for (let k = 0; k < data.length; k++) {
    state = Number((BigInt(state) * 1103515245n + 12345n) % 2147483648n);
    data[k] = (state >> 12) & 255;
  }
  return { data, width, height, channels };
}

/** The same sound as Python's `humming`. */
export function humming(samples: number, rate: number): Float32Array {
  const noise = pattern(1, samples, 1, 17).data;
  return Float32Array.from({ length: samples }, (_, k) => {
    const seconds = k / rate;
    const tone = Math.sin(2 * Math.PI * (180 * seconds + 8 * Math.sin(3 * seconds)));
    return 0.3 * tone + 0.1 * (noise[k] / 255 - 0.5);
  });
}

/** The same picture as Python's `blocks`. */
export function blocks(seed: number, moved = 0, brighter = 0): Plane {
  const small = pattern(9, 16, 3, seed);
  const [width, height] = [320, 180];
  const data = new Uint8Array(width * height * 3);
  for (let k = 0; k < data.length; k++) {
    const [channel, x, y] = [k % 3, Math.floor(k / 3) % width, Math.floor(k / 3 / width)];
    const column = Math.floor(((x - moved + width) % width) / 20);
    data[k] = Math.min(255, small.data[(Math.floor(y / 20) * 16 + column) * 3 + channel] + brighter);
  }
  return { data, width, height, channels: 3 };
}
