/** Detect hard cuts between two shots: the rules of `video/tracking/cuts.py` for live video. Knows pixels and times. */

import { type Plane, resizeArea } from "../image/area";
import { grayPatch } from "../image/gray";

const WIDTH = 64;
const HEIGHT = 36;
const MARGIN_X = 12;
const MARGIN_Y = 7;
const SAME_SHOT = 0.78;
const PANNING = 0.7;
const FLASH_SECONDS = 0.15;
const BRIGHTER = 25;
const NOISE = 5;
const DARKER_SHARE = 0.02;
const BLANK = 2;
const MEMORY = 5;

/** Compare each frame with the one before it. */
export class CutDetector {
  private last: Uint8Array | null = null;
  private shape = "";
  private similarities: number[] = [];
  private brightSince: number | null = null;

  /** Return whether a cut is between the last frame and this one, RGB or RGBA, at a time in seconds. */
  update(time: number, image: Plane): boolean {
    const small = smallGray(image);
    const shape = `${image.width}x${image.height}`;
    if (shape !== this.shape || !this.last) {
      this.shape = shape;
      this.last = small;
      this.similarities = [];
      return false;
    }
    if (deviation(small) < BLANK) return false;
    const similarity = deviation(this.last) >= BLANK ? similarityOf(this.last, small) : 1;
    if (similarity >= Math.min(SAME_SHOT, PANNING * median(this.similarities, 1))) {
      this.last = small;
      this.brightSince = null;
      this.similarities = [...this.similarities, similarity].slice(-MEMORY);
      return false;
    }
    if (this.mayBeFlash(time, small)) return false;
    this.last = small;
    this.brightSince = null;
    this.similarities = [];
    return true;
  }

  /** Return whether a frame is brighter than before nearly everywhere, for at most FLASH_SECONDS. */
  private mayBeFlash(time: number, small: Uint8Array): boolean {
    const last = this.last as Uint8Array;
    let gain = 0;
    let darker = 0;
    small.forEach((value, k) => {
      gain += value - last[k];
      if (value - last[k] < -NOISE) darker += 1;
    });
    if (gain / small.length < BRIGHTER || darker / small.length > DARKER_SHARE) return false;
    this.brightSince ??= time;
    return time - this.brightSince <= FLASH_SECONDS;
  }
}

/** Return a frame as a small gray picture, 64 x 36. */
function smallGray(image: Plane): Uint8Array {
  const step = Math.max(1, Math.floor(Math.min(image.width, image.height) / 90));
  const [width, height] = [Math.ceil(image.width / step), Math.ceil(image.height / step)];
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    let from = y * step * image.width * image.channels;
    for (let x = 0; x < width; x++, from += step * image.channels, to += 3) {
      data[to] = image.data[from];
      data[to + 1] = image.data[from + 1];
      data[to + 2] = image.data[from + 2];
    }
  }
  if (width < WIDTH || height < HEIGHT) return stretched({ data, width, height, channels: 3 });
  return grayPatch(resizeArea({ data, width, height, channels: 3 }, WIDTH, HEIGHT)).data as Uint8Array;
}

/** Return a frame of fewer pixels than the small picture has; its pixels are repeated. */
function stretched(image: Plane): Uint8Array {
  const gray = grayPatch(image);
  return Uint8Array.from({ length: WIDTH * HEIGHT }, (_, k) => {
    const y = Math.floor((Math.floor(k / WIDTH) * image.height) / HEIGHT);
    return gray.data[y * image.width + Math.floor(((k % WIDTH) * image.width) / WIDTH)];
  });
}

/** Return the largest correlation of two small pictures, or of the middle of one moved over the other. */
export function similarityOf(before: Uint8Array, after: Uint8Array): number {
  const middle = { left: MARGIN_X, top: MARGIN_Y, width: WIDTH - 2 * MARGIN_X, height: HEIGHT - 2 * MARGIN_Y };
  const whole = { left: 0, top: 0, width: WIDTH, height: HEIGHT };
  if (Math.min(deviation(before), deviation(after), spreadOf(after, middle)) < 1e-3) return 0;
  let best = correlation(before, 0, 0, after, whole);
  for (let y = 0; y <= 2 * MARGIN_Y; y++) {
    for (let x = 0; x <= 2 * MARGIN_X; x++) best = Math.max(best, correlation(before, x, y, after, middle));
  }
  return best;
}

interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Return the correlation of a part of `other` with the part of `one` of the same size whose corner is at x, y. */
function correlation(one: Uint8Array, x: number, y: number, other: Uint8Array, part: Rectangle): number {
  const { left, top, width, height } = part;
  let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0];
  for (let row = 0; row < height; row++) {
    let from = (y + row) * WIDTH + x;
    const end = from + width;
    let to = (top + row) * WIDTH + left;
    while (from < end) {
      const p = one[from++];
      const q = other[to++];
      a += p;
      b += q;
      aa += p * p;
      bb += q * q;
      ab += p * q;
    }
  }
  const n = width * height;
  const spread = Math.sqrt((aa - (a * a) / n) * (bb - (b * b) / n));
  return spread > 0 ? (ab - (a * b) / n) / spread : 0;
}

function spreadOf(picture: Uint8Array, { left, top, width, height }: Rectangle): number {
  const rows = Array.from({ length: height }, (_, row) => (top + row) * WIDTH + left);
  return deviation(Uint8Array.from(rows.flatMap((start) => [...picture.subarray(start, start + width)])));
}

function deviation(values: Uint8Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(Math.max(0, squares / values.length - (sum / values.length) ** 2));
}

function median(values: readonly number[], otherwise: number): number {
  if (!values.length) return otherwise;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
