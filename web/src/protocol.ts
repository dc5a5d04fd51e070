/** What page and worker say to each other. */

import type { MienFace } from "./detection/mien-face";
import type { ErrorMessage } from "./errors";
import type { Posted } from "./pixels";
import type { Face } from "./results";
import type { VoiceAnswer, VoiceInfo } from "./voice/bundle";
import type { VoiceHead } from "./voice/heads";

/** Which detector finds the faces: mien's own, or none, where each picture is one face. */
export const DETECTORS = ["mien-face", "whole"] as const;
export type DetectorName = (typeof DETECTORS)[number];

/** How pictures are read. */
export interface ReadOptions {
  /** Which head of the bundle is used; null: its default. */
  labels: string | null;
  detector: DetectorName;
  /** Longer side, in pixels, of the picture in which faces are detected. */
  size: number;
  /** Least score of a face, 0 to 1; null: the detector's own. */
  threshold: number | null;
  /** Leave out faces whose box is narrower or lower than this, in pixels. */
  minFace: number;
  /** Report "uncertain" if the emotion's probability is below this. */
  minConfidence: number;
  /** Average each face with its mirror image. */
  flip: boolean;
  /** Whether faces that are small in a large picture are searched for again, at twice the size. */
  fineLook: Parameters<MienFace["detect"]>[1]["fineLook"];
}

/** How a video is analyzed, beside `ReadOptions`. */
export interface TrackingOptions {
  /** Seconds over which probabilities are averaged. */
  smoothing: number;
  /** Probability by which another emotion must be likelier before it replaces the reported one. */
  margin: number;
  /** Most seconds that a person may be out of sight and keep the number. */
  maxGap: number;
}

/** The files and settings that a worker starts with. */
export interface Start {
  runtime: string;
  model: string | ArrayBuffer;
  modelName: string;
  finder: string | ArrayBuffer | null;
  threads: number;
}

/** What is known of a model when it is loaded. */
export interface ModelInfo {
  /** The bundle's name. */
  name: string;
  /** Its label sets and emotions, in order; `default` is used unless another is asked for. */
  heads: { name: string; emotions: string[] }[];
  default: string;
  /** How it was trained and measured. */
  card: Record<string, unknown>;
}

/** The faces of a picture, as the worker posts them. */
export interface FacesMessage {
  width: number;
  height: number;
  labels: string;
  faces: Face[];
  milliseconds: number;
}

/** The requests, each with its arguments and its answer. */
export interface Requests {
  start: [Start, ModelInfo];
  read: [{ picture: Posted; source: string; options: ReadOptions }, FacesMessage];
  open: [{ video: number; tracking: TrackingOptions }, null];
  frame: [{ video: number; time: number; picture: Posted; options: ReadOptions }, FacesMessage];
  end: [{ video: number }, null];
  voice: [{ file: string | ArrayBuffer }, VoiceInfo];
  hear: [{ sound: Float32Array; head: VoiceHead }, VoiceAnswer];
}

export type RequestName = keyof Requests;

/** One request, and its answer. */
export interface Request<Name extends RequestName = RequestName> {
  id: number;
  name: Name;
  values: Requests[Name][0];
}
export type Answer = { id: number; result: unknown } | { id: number; error: ErrorMessage };
