/** Convert colours to gray with the arithmetic of OpenCV's `cvtColor(..., COLOR_RGB2GRAY)` for 8 bits. */

import type { Plane } from "./area";

const RED = 9798;
const GREEN = 19235;
const BLUE = 3735;
const HALF = 1 << 14;

/**
 * Return a rectangle of a picture in gray.
 *
 * @param image RGB or RGBA.
 * @param left first column, `top` first row, `width` and `height` the rectangle's size, inside the picture.
 * @returns one channel.
 */
export function grayPatch(
  image: Plane,
  left = 0,
  top = 0,
  width: number = image.width,
  height: number = image.height,
): Plane {
  const { data: source, channels: stride } = image;
  const data = new Uint8Array(width * height);
  let target = 0;
  for (let y = top; y < top + height; y++) {
    let at = (y * image.width + left) * stride;
    for (let x = 0; x < width; x++, at += stride) {
      data[target++] = (source[at] * RED + source[at + 1] * GREEN + source[at + 2] * BLUE + HALF) >> 15;
    }
  }
  return { data, width, height, channels: 1 };
}
