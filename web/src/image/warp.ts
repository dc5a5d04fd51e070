/** Sample a gray picture through an affine transform, with the arithmetic of OpenCV's `warpAffine`. */

import type { Plane } from "./area";
import { roundHalfEven } from "./area";

const { fround, floor, min, max } = Math;

/** An affine transform of points: x' = a x + b y + c, y' = d x + e y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * Sample a square by bilinear interpolation; outside the picture its edge pixels are repeated.
 *
 * @param image one channel.
 * @param transform from the picture's pixels to the square's; origin at the centre of the first pixel.
 * @param side rows and columns of the square.
 */
export function warpAffine(image: Plane, transform: Affine, side: number): Uint8Array {
  const [a, b, c, d, e, f] = inverse(transform).map(fround);
  const { data, width, height } = image;
  const result = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    const startX = fround(fround(y * b) + c);
    const startY = fround(fround(y * e) + f);
    for (let x = 0; x < side; x++) {
      const fromX = fround(fround(x * a) + startX);
      const fromY = fround(fround(x * d) + startY);
      const column = floor(fromX);
      const row = floor(fromY);
      const across = fround(fromX - column);
      const down = fround(fromY - row);
      const left = max(0, min(width - 1, column));
      const right = max(0, min(width - 1, column + 1));
      const upper = max(0, min(height - 1, row)) * width;
      const lower = max(0, min(height - 1, row + 1)) * width;
      const above = mix(data[upper + left], data[upper + right], across);
      const below = mix(data[lower + left], data[lower + right], across);
      result[y * side + x] = roundHalfEven(mix(above, below, down));
    }
  }
  return result;
}

function mix(from: number, to: number, share: number): number {
  return fround(from + fround(share * fround(to - from)));
}

function inverse([a, b, c, d, e, f]: Affine): number[] {
  const scale = 1 / (a * e - b * d);
  const [p, q, r, s] = [e * scale, -b * scale, -d * scale, a * scale];
  return [p, q, -p * c - q * f, r, s, -r * c - s * f];
}
