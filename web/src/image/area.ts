/** Shrink pictures by area averaging, with the arithmetic of OpenCV's `resize(..., INTER_AREA)` for 8 bits. */

const { fround, ceil, floor, min } = Math;

/** Which source rows or columns a target pixel covers: those from `first[t]` to before `first[t + 1]`. */
interface Parts {
  first: Int32Array;
  source: Int32Array;
  /** The share of the target's area that each of them has. */
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
 * @param channels values per pixel of the result, 1 or 3: the first ones of the picture.
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
  const share = fround(1 / (across * down));
  const halves = across === 2 && down === 2; // for which OpenCV has whole numbers
  const row = image.width * stride;
  const rest = row - across * stride;
  let target = 0;
  for (let y = 0; y < height; y++) {
    let left = y * down * row;
    for (let x = 0; x < width; x++, left += across * stride) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        let at = left + channel;
        for (let dy = 0; dy < down; dy++, at += rest) {
          for (let dx = 0; dx < across; dx++, at += stride) sum += source[at];
        }
        data[target++] = halves ? (sum + 2) >> 2 : roundHalfEven(fround(sum * share));
      }
    }
  }
}

/** Average where target pixels end inside source pixels: first along rows, then along columns, in single precision. */
function averageParts(image: Plane, result: Plane): void {
  const { data, width, height, channels } = result;
  const columns = partsOf(image.width, width);
  const rows = partsOf(image.height, height);
  const line = new Float32Array(width * channels);
  const sums = new Float32Array(width * channels);
  const averageRow = channels === 3 ? averageRow3 : averageRow1;
  let ready = -1;
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let part = rows.first[y]; part < rows.first[y + 1]; part++) {
      if (rows.source[part] !== ready) averageRow(image, rows.source[part], columns, line);
      ready = rows.source[part];
      const weight = rows.weight[part];
      const values = line.length;
      for (let k = 0; k < values; k++) sums[k] = fround(sums[k] + fround(weight * line[k]));
    }
    const start = y * line.length;
    for (let k = 0; k < line.length; k++) {
      const value = sums[k];
      const whole = (value + 0.5) | 0;
      data[start + k] = whole - value === 0.5 ? whole & ~1 : whole; // halves to the even number
    }
  }
}

function averageRow3({ data, width, channels }: Plane, y: number, parts: Parts, line: Float32Array): void {
  const { first, source, weight } = parts;
  const start = y * width * channels;
  for (let target = 0, to = 0; to < line.length; target++, to += 3) {
    let [red, green, blue] = [0, 0, 0];
    const end = first[target + 1];
    let at = start + source[first[target]] * channels; // the parts of a target lie side by side
    for (let part = first[target]; part < end; part++, at += channels) {
      const share = weight[part];
      red = fround(red + fround(data[at] * share));
      green = fround(green + fround(data[at + 1] * share));
      blue = fround(blue + fround(data[at + 2] * share));
    }
    line[to] = red;
    line[to + 1] = green;
    line[to + 2] = blue;
  }
}

function averageRow1({ data, width, channels }: Plane, y: number, parts: Parts, line: Float32Array): void {
  const { first, source, weight } = parts;
  const start = y * width * channels;
  for (let target = 0; target < line.length; target++) {
    let sum = 0;
    for (let part = first[target]; part < first[target + 1]; part++) {
      sum = fround(sum + fround(data[start + source[part] * channels] * weight[part]));
    }
    line[target] = sum;
  }
}

function partsOf(sourceSize: number, targetSize: number): Parts {
  const scale = sourceSize / targetSize;
  const first: number[] = [];
  const source: number[] = [];
  const weight: number[] = [];
  const add = (s: number, w: number): void => {
    source.push(s);
    weight.push(w);
  };
  for (let target = 0; target < targetSize; target++) {
    first.push(source.length);
    const from = target * scale;
    const to = from + scale;
    const width = min(scale, sourceSize - from);
    const end = min(floor(to), sourceSize - 1);
    const start = min(ceil(from), end);
    if (start - from > 1e-3) add(start - 1, (start - from) / width);
    for (let s = start; s < end; s++) add(s, 1 / width);
    if (to - end > 1e-3) add(end, min(min(to - end, 1), width) / width);
  }
  first.push(source.length);
  return { first: Int32Array.from(first), source: Int32Array.from(source), weight: Float32Array.from(weight) };
}

/** Round to the nearest whole number, and halves to the even one, as Python, numpy and OpenCV do. */
export function roundHalfEven(value: number): number {
  const lower = floor(value);
  const rest = value - lower;
  if (rest < 0.5) return lower;
  return rest > 0.5 || lower % 2 ? lower + 1 : lower;
}
