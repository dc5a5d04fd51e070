/** What `predict` returns, and the JSON documents, which are those of Python (docs/json.md). */

import type { Box, Landmarks } from "./detection/detections";
import shared from "./shared.json";
import type { Estimate, Uncertain } from "./uncertainty";

const { schema: SCHEMA, version: VERSION, uncertain: UNCERTAIN, colors, folds } = shared;

export { UNCERTAIN, VERSION };

/** One face of a picture; what the model does not know of its errors is left out. */
export interface Face extends Uncertain {
  /** Left, top, right and bottom in pixels of the original, upright picture. */
  box: Box;
  /** The detector's score, 0 to 1. */
  score: number;
  /** x and y of both eyes, nose and mouth corners, from the picture's left to its right; null without landmarks. */
  landmarks: Landmarks | null;
  /** The most probable emotion, or "uncertain" if its probability is below `minConfidence`. */
  emotion: string;
  /** The calibrated probability that the emotion is right, 0 to 1. */
  confidence: number;
  /** The estimated share of people who would choose that emotion; null where the model was not trained on votes. */
  vote_share: number | null;
  /** The probability of each emotion; they sum to 1. */
  probabilities: Record<string, number>;
  /** The person's number in a video, else null. */
  track: number | null;
}

/** A document of one picture's faces, as `Faces.to_dict` in Python. */
export interface FacesDocument {
  source: string;
  width: number;
  height: number;
  labels: string;
  faces: Face[];
}

/** The faces of one picture, from the largest to the smallest; a picture without faces has the length 0. */
export class Faces implements Iterable<Face> {
  constructor(
    readonly source: string,
    readonly width: number,
    readonly height: number,
    /** The name of the label set. */
    readonly labels: string,
    readonly faces: readonly Face[],
  ) {}

  /** The number of faces. */
  get length(): number {
    return this.faces.length;
  }

  [Symbol.iterator](): Iterator<Face> {
    return this.faces[Symbol.iterator]();
  }

  /** Return one face by its number; negative numbers count from the end. */
  at(index: number): Face | undefined {
    return this.faces.at(index);
  }

  /** Return the document, rounded to 0.1 pixel and 0.0001; `JSON.stringify` uses it. */
  toJSON(): FacesDocument {
    const { source, width, height, labels, faces } = this;
    return { source, width, height, labels, faces: faces.map(rounded) };
  }
}

/** The faces of one frame of a video. */
export interface Moment {
  /** Seconds from the first frame, or the video's own time. */
  time: number;
  /** The frame's number, from 0. */
  frame: number;
  /** Its faces, with the persons' numbers and probabilities that are averaged in time. */
  faces: Faces;
  /** Milliseconds that the worker needed for this frame. */
  milliseconds: number;
  /** Frames that were left out so far, since the worker was busy. */
  dropped: number;
}

/** A picture that could not be read, and why. */
export interface UnreadDocument {
  source: string;
  reason: string;
}

/** The document of several pictures, as `mien predict --json` writes it. */
export interface PicturesDocument {
  schema: number;
  mien: string;
  model: string;
  labels: { name: string; emotions: string[] };
  images: FacesDocument[];
  errors: UnreadDocument[];
}

/**
 * Return the document of several pictures.
 *
 * @param model the name of the bundle that read them.
 * @param labels its label set.
 * @param results the pictures' faces.
 * @param errors the pictures that could not be read.
 */
export function picturesDocument(
  model: string,
  labels: { name: string; emotions: readonly string[] },
  results: Iterable<Faces>,
  errors: Iterable<UnreadDocument> = [],
): PicturesDocument {
  return {
    schema: SCHEMA,
    mien: VERSION,
    model,
    labels: { name: labels.name, emotions: [...labels.emotions] },
    images: [...results].map((faces) => faces.toJSON()),
    errors: [...errors],
  };
}

/** Return the emotion's colour, "#rrggbb", the same as in Python; gray for unknown names. */
export function colorOf(emotion: string): string {
  return (colors as Record<string, string>)[emotion] ?? "#808080";
}

/** Return probabilities over other labels: emotions that these lack are added to the one that they count as. */
export function fold(values: readonly number[], from: readonly string[], to: readonly string[]): number[] {
  const result = to.map(() => 0);
  values.forEach((value, column) => {
    const name = from[column];
    const target = to.indexOf(name) >= 0 ? to.indexOf(name) : to.indexOf((folds as Record<string, string>)[name]);
    if (target >= 0) result[target] += value;
  });
  return result;
}

function rounded(face: Face): Face {
  const four = (value: number): number => roundTo(value, 4);
  return {
    box: face.box.map((value) => roundTo(value, 1)) as Box,
    score: four(face.score),
    landmarks: face.landmarks && face.landmarks.map(([x, y]) => [roundTo(x, 1), roundTo(y, 1)]),
    emotion: face.emotion,
    confidence: four(face.confidence),
    vote_share: face.vote_share === null ? null : four(face.vote_share),
    probabilities: Object.fromEntries(Object.entries(face.probabilities).map(([name, value]) => [name, four(value)])),
    track: face.track,
    ...(face.emotion_set && { emotion_set: face.emotion_set }),
    ...(face.expressiveness && { expressiveness: estimate(face.expressiveness) }),
    ...(face.valence && { valence: estimate(face.valence) }),
    ...(face.arousal && { arousal: estimate(face.arousal) }),
  };
}

function estimate({ value, low, high }: Estimate): Estimate {
  return { value: roundTo(value, 4), low: roundTo(low, 4), high: roundTo(high, 4) };
}

/** Round to a number of decimals, halves to the even digit, as Python does. */
export function roundTo(value: number, decimals: number): number {
  const rest = value.toFixed(20).split(".")[1].slice(decimals);
  if (!/^50*$/.test(rest)) return Number(value.toFixed(decimals));
  const factor = 10 ** decimals; // exactly between two: such values have few binary digits, and this is exact
  return (2 * Math.round((value * factor) / 2)) / factor;
}
