/** Track persons from frame to frame by position, size and appearance: the rules of `video/tracking/tracker.py`. */

import { areaOf, type Box } from "../detection/detections";
import { type Plane, resizeArea } from "../image/area";
import { assign } from "./assignment";

const { abs, exp, hypot, log, max, min, sqrt } = Math;

/** Distances are in sides of the face's box. */
export interface TrackOptions {
  maxGap: number;
  reach: number;
  reachGain: number;
  maxReach: number;
  absenceCost: number;
  appearanceWeight: number;
  minSimilarity: number;
}

/** The values that were chosen by measurement: docs/video.md. */
export const TRACK_OPTIONS: TrackOptions = {
  maxGap: 2,
  reach: 0.7,
  reachGain: 2,
  maxReach: 1.2,
  absenceCost: 0.25,
  appearanceWeight: 0.7,
  minSimilarity: 0,
};

const APPEARANCE_SIDE = 6;
const IMPOSSIBLE = 1e3;
const VELOCITY_TIME = 0.4;
const COAST = 2;
const APPEARANCE_TIME = 2;

type Vector = Float32Array | null;

class Track {
  private velocity = [0, 0];
  private known = 0;

  constructor(
    readonly number: number,
    public box: Box,
    public seen: number,
    public appearance: Vector,
  ) {}

  /** Side of the square with the area of the box, in pixels. */
  get side(): number {
    return sqrt(max(1, areaOf(this.box)));
  }

  /** Return the expected centre of the face; the velocity of an unseen face decays. */
  centreAt(time: number): [number, number] {
    const travelled = COAST * (1 - exp(-(time - this.seen) / COAST));
    const [x, y] = centreOf(this.box);
    return [x + this.velocity[0] * travelled, y + this.velocity[1] * travelled];
  }

  /** Update the track with a new sighting. */
  move(time: number, box: Box, appearance: Vector): void {
    const passed = time - this.seen;
    if (passed > 0) {
      const [before, now] = [centreOf(this.box), centreOf(box)];
      const share = max(1 - exp(-passed / VELOCITY_TIME), passed / (this.known + passed));
      this.velocity = this.velocity.map((value, axis) => value + share * ((now[axis] - before[axis]) / passed - value));
      this.known += passed;
    }
    if (appearance && this.appearance) {
      const share = 1 - exp(-max(passed, 1e-3) / APPEARANCE_TIME);
      this.appearance = this.appearance.map((value, k) => value + share * (appearance[k] - value));
    } else if (appearance) this.appearance = appearance;
    this.box = box;
    this.seen = time;
  }
}

/** Give each person a number that stays the same from frame to frame. */
export class Tracker {
  private tracks: Track[] = [];
  private anywhere = false;

  constructor(
    private readonly options: TrackOptions = TRACK_OPTIONS,
    private next = 1,
  ) {}

  /** The numbers of the tracks that have not ended, visible or not. */
  get numbers(): Set<number> {
    return new Set(this.tracks.map(({ number }) => number));
  }

  /** End all tracks: whoever is seen next gets a new number. */
  endAll(): void {
    this.tracks = [];
  }

  /** Let appearance alone find each person in the next update, since all positions have changed. */
  expectAnywhere(): void {
    this.anywhere = true;
  }

  /**
   * Assign the detected faces to tracks; call it in the order of time.
   *
   * @param time seconds.
   * @param boxes the faces.
   * @param appearances unit vectors from `appearanceOf`, or null.
   * @returns the number of each face's track.
   */
  update(time: number, boxes: readonly Box[], appearances: readonly Float32Array[] | null): number[] {
    this.tracks = this.tracks.filter(({ seen }) => time - seen <= this.options.maxGap);
    const costs = this.tracks.map((track) =>
      boxes.map((box, face) => this.cost(track, time, box, appearances?.[face] ?? null)),
    );
    this.anywhere = false;
    const numbers = boxes.map(() => -1);
    assign(costs).forEach((face, row) => {
      if (face < 0 || costs[row][face] >= IMPOSSIBLE) return;
      numbers[face] = this.tracks[row].number;
      this.tracks[row].move(time, boxes[face], appearances?.[face] ?? null);
    });
    numbers.forEach((number, face) => {
      if (number >= 0) return;
      numbers[face] = this.next;
      this.tracks.push(new Track(this.next, boxes[face], time, appearances?.[face] ?? null));
      this.next += 1;
    });
    return numbers;
  }

  private cost(track: Track, time: number, box: Box, appearance: Vector): number {
    const { reach, reachGain, maxReach, absenceCost, appearanceWeight, minSimilarity } = this.options;
    const away = time - track.seen;
    const side = sqrt(max(1, areaOf(box)));
    const [[x, y], [expectedX, expectedY]] = [centreOf(box), track.centreAt(time)];
    const distance = this.anywhere ? 0 : hypot(x - expectedX, y - expectedY) / sqrt(side * track.side);
    const growth = this.anywhere ? 0 : abs(log(side / track.side));
    if (distance >= min(reach + reachGain * away, maxReach) || growth >= 1) return IMPOSSIBLE;
    let cost = distance + absenceCost * min(away, 1) + 0.5 * growth;
    if (appearance && track.appearance && appearanceWeight) {
      const similarity = dot(appearance, track.appearance) / max(1e-6, sqrt(dot(track.appearance, track.appearance)));
      if (similarity < minSimilarity && distance >= 0.3) return IMPOSSIBLE;
      cost += appearanceWeight * (1 - similarity);
    }
    return cost;
  }
}

/**
 * Describe the appearance of a face by a coarse grid of colours around its box, without the mean brightness.
 *
 * @param image RGB or RGBA.
 * @returns a unit vector; the scalar product of two is their similarity, -1 to 1.
 */
export function appearanceOf(image: Plane, [left, top, right, bottom]: Box): Float32Array {
  const { width, height } = image;
  const margin = 0.25 * (right - left);
  const clip = (value: number, low: number, high: number): number => Math.trunc(min(max(value, low), high));
  const [lowX, highX] = [clip(left - margin, 0, width - 1), clip(right + margin, 1, width)];
  const [lowY, highY] = [clip(top - margin, 0, height - 1), clip(bottom + 2 * margin, 1, height)];
  const patch = cut(image, lowX, lowY, max(highX, lowX + 1) - lowX, max(highY, lowY + 1) - lowY);
  const grid = Float32Array.from(resizeArea(patch, APPEARANCE_SIDE, APPEARANCE_SIDE, 3).data);
  const mean = grid.reduce((total, value) => total + value, 0) / grid.length;
  const centred = grid.map((value) => value - mean);
  const length = max(1e-6, sqrt(dot(centred, centred)));
  return centred.map((value) => value / length);
}

/** Return a rectangle of a picture as RGB; a face of fewer pixels than the grid has its pixels repeated. */
function cut(image: Plane, left: number, top: number, columns: number, rows: number): Plane {
  const [width, height] = [max(columns, APPEARANCE_SIDE), max(rows, APPEARANCE_SIDE)];
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = (top + Math.floor((y * rows) / height)) * image.width;
    for (let x = 0; x < width; x++, to += 3) {
      const from = (row + left + Math.floor((x * columns) / width)) * image.channels;
      data[to] = image.data[from];
      data[to + 1] = image.data[from + 1];
      data[to + 2] = image.data[from + 2];
    }
  }
  return { data, width, height, channels: 3 };
}

function centreOf([left, top, right, bottom]: Box): [number, number] {
  return [(left + right) / 2, (top + bottom) / 2];
}

function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, k) => sum + value * other[k], 0);
}
