/** Turn faces into network input: the crop and the `to_input` of mien's `preprocess.py`, number by number. */

import { InputError } from "./errors";
import type { Box, Landmarks } from "./detection/detections";
import { type Plane, resizeArea, roundHalfEven } from "./image/area";
import { grayPatch } from "./image/gray";
import { warpAffine } from "./image/warp";

const { sqrt, max, min, floor, ceil, fround } = Math;

/** Side of a face crop in pixels. */
export const FRAME = 48;

/** A network's input: the central `size` x `size` window of a crop, as `(pixel - mean) / std`. */
export interface InputSpec {
  size: number;
  mean: number;
  std: number;
}

/** Return the spec; raise InputError if a value is out of range. */
export function checkSpec(spec: InputSpec): InputSpec {
  const { size, mean, std } = spec;
  if (!Number.isInteger(size) || size < 8 || size > FRAME || (FRAME - size) % 2) {
    throw new InputError(`input size: expected an even number from 8 to ${FRAME}, got ${size}`);
  }
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std <= 0) {
    throw new InputError(`input: expected a finite mean and a positive std, got ${mean} and ${std}`);
  }
  return { size, mean, std };
}

/**
 * Convert crops to network input.
 *
 * @param crops gray, 48 x 48 pixels each.
 * @param mirrored whether each crop is mirrored.
 * @returns float32 (n, 1, size, size).
 */
export function toInput(crops: readonly Uint8Array[], spec: InputSpec, mirrored = false): Float32Array {
  const { size, mean, std } = spec;
  const margin = (FRAME - size) / 2;
  const result = new Float32Array(crops.length * size * size);
  let target = 0;
  for (const crop of crops) {
    for (let y = margin; y < FRAME - margin; y++) {
      for (let x = margin; x < FRAME - margin; x++) {
        const pixel = crop[y * FRAME + (mirrored ? FRAME - 1 - x : x)];
        result[target++] = fround(fround(pixel - fround(mean)) / fround(std));
      }
    }
  }
  return result;
}

// FER2013's mean positions: left eye, right eye, left and right mouth corner, where left is left in the picture.
const TEMPLATE = [
  [14.8, 19.1],
  [32.5, 18.7],
  [16.9, 36.9],
  [31.7, 36.5],
].map((point) => point.map(fround) as [number, number]);
const POINT_ROWS = [0, 1, 3, 4]; // of the five landmarks, without the nose

/** Where a face's box lies in the frame: FER2013's mean, and the whole frame for pictures that are one already. */
const FACE_BOX: Box = [4.4, -0.8, 43.7, 49];
const WHOLE_BOX: Box = [0, 0, FRAME, FRAME];

type Point = [number, number];

/**
 * Crop one face, placed where FER2013 has its faces: by its landmarks, or by its box if there are none.
 *
 * @param image RGB or RGBA.
 * @param isFrame whether the box is not a face's but a frame around one, like FER2013's pictures.
 * @returns gray, 48 x 48.
 */
export function cropFace(image: Plane, box: Box, landmarks: Landmarks | null, isFrame: boolean): Uint8Array {
  const { scale, offset } = fitFrame(box, landmarks, isFrame);
  return sample(image, scale, offset);
}

/** Fit the transform from picture coordinates p to the frame: `scale * p + offset`. */
export function fitFrame(
  box: Box,
  landmarks: Landmarks | null,
  isFrame: boolean,
): { scale: number; offset: Point } {
  let found = cornersOf(box);
  let target = cornersOf(isFrame ? WHOLE_BOX : FACE_BOX);
  if (landmarks) {
    found = POINT_ROWS.map((row) => landmarks[row]);
    target = TEMPLATE;
  }
  const scale = sizeOf(target) / sizeOf(found);
  const [centre, aim] = [meanOf(found), meanOf(target)];
  return { scale, offset: [aim[0] - scale * centre[0], aim[1] - scale * centre[1]] };
}

function cornersOf([left, top, right, bottom]: Box): Point[] {
  return [
    [left, top],
    [right, bottom],
  ];
}

function meanOf(points: readonly Point[]): Point {
  const sum = (axis: 0 | 1): number => points.reduce((total, point) => total + point[axis], 0);
  return [sum(0) / points.length, sum(1) / points.length];
}

/** Return the root of the summed squared distances from the mean, at least a thousandth of a pixel. */
function sizeOf(points: readonly Point[]): number {
  const [x, y] = meanOf(points);
  return max(1e-3, sqrt(points.reduce((total, point) => total + (point[0] - x) ** 2 + (point[1] - y) ** 2, 0)));
}

/** Sample the frame from a picture. */
function sample(image: Plane, scale: number, offset: Point): Uint8Array {
  const limit = [image.width, image.height];
  const low: Point = [0, 0];
  const high: Point = [0, 0];
  const sides: Point = [0, 0];
  const shrink = max(1, 0.5 / scale);
  for (const axis of [0, 1] as const) {
    const [start, end] = [-offset[axis] / scale, (FRAME - offset[axis]) / scale];
    low[axis] = max(0, min(limit[axis] - 1, floor(start) - 2));
    high[axis] = max(low[axis] + 1, min(limit[axis], ceil(end) + 2));
    sides[axis] = max(1, roundHalfEven((high[axis] - low[axis]) / shrink));
  }
  let patch = grayPatch(image, low[0], low[1], high[0] - low[0], high[1] - low[1]);
  const factors = [0, 1].map((axis) => sides[axis] / (high[axis] - low[axis]));
  if (shrink > 1) patch = resizeArea(patch, sides[0], sides[1]);
  // OpenCV's origin is the centre of the first pixel, in the picture and in the frame.
  const shift = [0, 1].map((axis) => offset[axis] + scale * (0.5 / factors[axis] + low[axis]) - 0.5);
  return warpAffine(patch, [scale / factors[0], 0, shift[0], 0, scale / factors[1], shift[1]], FRAME);
}
