/** Shrink pictures by area averaging, with the arithmetic of OpenCV's `resize(..., INTER_AREA)` for 8 bits. */

const { fround, ceil, floor, min } = Math;

/** A part of a source row or column that belongs to a target pixel, with its weight. */
interface Parts {
  target: Int32Array;
  source: Int32Array;
  weight: Float32Array;
}

/** Pixels with `channels` values each, row by row. */
export interface Plane {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: number;
}

/**
 * Shrink a picture by area averaging.
 *
 * @param image the picture; its values may be followed by others that are left out, as alpha is in RGBA.
 * @param width columns of the result, from 1 to the picture's.
 * @param height rows of the result, from 1 to the picture's.
 * @param channels values per pixel of the result: the first ones of the picture.
 * @returns the result, `channels` values a pixel.
 */
export function resizeArea(image: Plane, width: number, height: number, channels = image.channels): Plane {
  const across = image.width / width;
  const down = image.height / height;
  const data = new Uint8Array(width * height * channels);
  const result = { data, width, height, channels };
  if (Number.isInteger(across) && Number.isInteger(down)) averageBlocks(image, result, across, down);
  else averageParts(image, result);
  return result;
}

/** Average blocks of whole pixels. */
function averageBlocks(image: Plane, result: Plane, across: number, down: number): void {
  const { data: source, channels: stride } = image;
  const { data, width, height, channels } = result;
  const count = across * down;
  const share = fround(1 / count);
  const row = image.width * stride;
  let target = 0;
  for (let y = 0; y < height; y++) {
    let left = y * down * row;
    for (let x = 0; x < width; x++, left += across * stride) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        if (count === 4 && across === 2) {
          const at = left + channel;
          sum = source[at] + source[at + stride] + source[at + row] + source[at + row + stride];
          data[target++] = (sum + 2) >> 2;
          continue;
        }
        for (let dy = 0; dy < down; dy++) {
          let at = left + dy * row + channel;
          for (let dx = 0; dx < across; dx++, at += stride) sum += source[at];
        }
        data[target++] = count === 1 ? sum : roundHalfEven(fround(sum * share));
      }
    }
  }
}

/** Average where target pixels end inside source pixels: first along rows, then along columns, in single precision. */
function averageParts(image: Plane, result: Plane): void {
  const { data: source, channels: stride } = image;
  const { data, width, height, channels } = result;
  const columns = partsOf(image.width, width);
  const rows = partsOf(image.height, height);
  const line = new Float32Array(width * channels);
  const sums = new Float32Array(width * channels);
  let ready = -1;
  for (let part = 0; part < rows.target.length; part++) {
    const y = rows.source[part];
    if (y !== ready) {
      line.fill(0);
      const start = y * image.width * stride;
      for (let k = 0; k < columns.target.length; k++) {
        const from = start + columns.source[k] * stride;
        const to = columns.target[k] * channels;
        const weight = columns.weight[k];
        for (let c = 0; c < channels; c++) line[to + c] = fround(line[to + c] + fround(source[from + c] * weight));
      }
      ready = y;
    }
    const weight = rows.weight[part];
    const first = part === 0 || rows.target[part] !== rows.target[part - 1];
    const last = part === rows.target.length - 1 || rows.target[part] !== rows.target[part + 1];
    if (first) for (let k = 0; k < line.length; k++) sums[k] = fround(weight * line[k]);
    else for (let k = 0; k < line.length; k++) sums[k] = fround(sums[k] + fround(weight * line[k]));
    if (last) {
      const start = rows.target[part] * line.length;
      for (let k = 0; k < line.length; k++) data[start + k] = min(255, roundHalfEven(sums[k]));
    }
  }
}

/** Return which source pixels each target pixel covers, and which share of the target's area each of them has. */
function partsOf(sourceSize: number, targetSize: number): Parts {
  const scale = sourceSize / targetSize;
  const target: number[] = [];
  const source: number[] = [];
  const weight: number[] = [];
  const add = (t: number, s: number, w: number): void => {
    target.push(t);
    source.push(s);
    weight.push(w);
  };
  for (let t = 0; t < targetSize; t++) {
    const from = t * scale;
    const to = from + scale;
    const width = min(scale, sourceSize - from);
    const end = min(floor(to), sourceSize - 1);
    const start = min(ceil(from), end);
    if (start - from > 1e-3) add(t, start - 1, (start - from) / width);
    for (let s = start; s < end; s++) add(t, s, 1 / width);
    if (to - end > 1e-3) add(t, end, min(min(to - end, 1), width) / width);
  }
  return { target: Int32Array.from(target), source: Int32Array.from(source), weight: Float32Array.from(weight) };
}

/** Round to the nearest whole number, and halves to the even one, as Python, numpy and OpenCV do. */
export function roundHalfEven(value: number): number {
  const lower = floor(value);
  const rest = value - lower;
  if (rest < 0.5) return lower;
  return rest > 0.5 || lower % 2 ? lower + 1 : lower;
}
