/** The result of face detectors. Knows pixels and boxes, nothing of emotions. */

const { max, min, sqrt } = Math;

/** Left, top, right, bottom in pixels of the original, upright picture. */
export type Box = [left: number, top: number, right: number, bottom: number];

/** x and y of left eye, right eye, nose, left and right mouth corner, where left is left in the picture. */
export type Landmarks = [number, number][];

/** One detected face. */
export interface Detection {
  box: Box;
  /** The detector's confidence, 0 to 1. */
  score: number;
  /** null where the detector has none. */
  landmarks: Landmarks | null;
}

/** Return a box's area in square pixels. */
export function areaOf([left, top, right, bottom]: Box): number {
  return (right - left) * (bottom - top);
}

/** Return the side of the square with the area of the box. */
export function sideOf(box: Box): number {
  return sqrt(areaOf(box));
}

/** Return the area that two boxes share. */
export function sharedArea(one: Box, other: Box): number {
  const width = min(one[2], other[2]) - max(one[0], other[0]);
  const height = min(one[3], other[3]) - max(one[1], other[1]);
  return max(0, width) * max(0, height);
}

/** Drop each box that overlaps a better one by an IoU above `overlap`; return the others, the best first. */
export function nonMaximumSuppression(faces: readonly Detection[], overlap: number): Detection[] {
  let rest = [...faces].sort((one, other) => other.score - one.score);
  const kept: Detection[] = [];
  while (rest.length) {
    const [best, ...others] = rest;
    kept.push(best);
    rest = others.filter(({ box }) => {
      const shared = sharedArea(best.box, box);
      return shared / (areaOf(best.box) + areaOf(box) - shared) <= overlap;
    });
  }
  return kept;
}

/** Return the faces with boxes clipped to the picture, without those outside it. */
export function clipTo(faces: readonly Detection[], width: number, height: number): Detection[] {
  const clip = (value: number, limit: number): number => max(0, min(limit, value));
  return faces
    .map((face) => {
      const [left, top, right, bottom] = face.box;
      const box: Box = [clip(left, width), clip(top, height), clip(right, width), clip(bottom, height)];
      return { ...face, box };
    })
    .filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
}

/** Return the faces from the largest to the smallest, without those smaller than `minFace` pixels. */
export function largestFirst(faces: readonly Detection[], minFace: number): Detection[] {
  return faces
    .filter(({ box }) => min(box[2] - box[0], box[3] - box[1]) >= minFace)
    .sort((one, other) => areaOf(other.box) - areaOf(one.box));
}
