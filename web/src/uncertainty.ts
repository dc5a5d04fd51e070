/** Emotion sets with a promised coverage, and numbers that are derived from votes: `uncertainty.py`, `labels.py`. */

import shared from "./shared.json";

/** The share of cases in which the set holds the right emotion, for the faces of each emotion. */
const COVERAGE = 0.9;
const NEUTRAL = "neutral";
const NUMBERS = ["expressiveness", "valence", "arousal"] as const;

/** A number that is derived from the estimated votes. */
export type VoteNumber = (typeof NUMBERS)[number];

/** An estimated number, and the interval that holds the real one in nine of ten cases. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

interface Interval {
  at: number[];
  low: number[];
  high: number[];
}

/** What a bundle knows of the errors of one head. */
export interface Uncertainty {
  coverages: number[];
  by_emotion: number[][];
  intervals: Partial<Record<VoteNumber, Interval>>;
}

/** What is known of one face's uncertainty; keys that are unknown are left out, as in Python. */
export interface Uncertain {
  /** The emotions of which one is right in nine of ten cases, the most probable first. */
  emotion_set?: string[];
  /** The share of people, 0 to 1, who see any emotion at all. */
  expressiveness?: Estimate;
  /** How pleasant people find what they see, -1 to 1. */
  valence?: Estimate;
  /** How aroused people find what they see, -1 to 1. */
  arousal?: Estimate;
}

/** Return a head's uncertainty from its metadata; null where it has none; raise TypeError where it is damaged. */
export function parseUncertainty(values: unknown, labels: number): Uncertainty | null {
  if (values === undefined || values === null) return null;
  const { coverages, by_emotion: rows, intervals } = values as Uncertainty;
  const isIncreasing = coverages.every((value, k) => !k || value > coverages[k - 1]);
  if (!coverages.length || !isIncreasing || rows.length !== coverages.length) throw new TypeError("coverages");
  if (rows.some((row) => row.length !== labels)) throw new TypeError("thresholds of emotions");
  for (const { at, low, high } of Object.values(intervals)) {
    if (!at.length || at.length !== low.length || at.length !== high.length) throw new TypeError("intervals");
  }
  return { coverages, by_emotion: rows, intervals };
}

/**
 * Return what is known of a face's uncertainty.
 *
 * @param labels the emotions of the columns.
 * @param probabilities calibrated.
 * @param column the reported emotion's, which is always in the set.
 * @param known of the head that is used.
 * @param shares of people, over the same labels; null without votes.
 * @param ofVotes what the head of the votes knows.
 */
export function uncertaintyOf(
  labels: readonly string[],
  probabilities: readonly number[],
  column: number,
  known: Uncertainty | null,
  shares: readonly number[] | null,
  ofVotes: Uncertainty | null,
): Uncertain {
  const result: Uncertain = {};
  if (known) {
    const members = labels
      .map((name, k) => ({ name, k, value: probabilities[k] }))
      .filter(({ k, value }) => k === column || value >= threshold(known, k));
    result.emotion_set = members.sort((one, other) => other.value - one.value).map(({ name }) => name);
  }
  if (!shares || !ofVotes) return result;
  for (const name of NUMBERS) {
    const interval = ofVotes.intervals[name];
    const value = interval && numberOf(name, labels, shares);
    if (!interval || value === null || value === undefined) continue;
    result[name] = {
      value,
      low: Math.min(value, interpolate(value, interval.at, interval.low)),
      high: Math.max(value, interpolate(value, interval.at, interval.high)),
    };
  }
  return result;
}

/** Return the least probability with which an emotion is in the set. */
function threshold({ coverages, by_emotion: rows }: Uncertainty, column: number): number {
  return interpolate(
    COVERAGE,
    coverages,
    rows.map((row) => row[column]),
  );
}

/** Return a number of vote shares; null for labels that it is not defined for. */
function numberOf(name: VoteNumber, labels: readonly string[], shares: readonly number[]): number | null {
  if (name === "expressiveness") {
    const neutral = labels.indexOf(NEUTRAL);
    return neutral < 0 ? null : 1 - shares[neutral];
  }
  const ratings = shared.ratings as unknown as Record<string, [number, number] | undefined>;
  let sum = 0;
  for (const [k, label] of labels.entries()) {
    const rating = ratings[label];
    if (!rating) return null;
    sum += shares[k] * rating[name === "valence" ? 0 : 1];
  }
  return Math.fround(sum);
}

/** Interpolate between increasing points; beyond them the first and the last value hold. */
function interpolate(at: number, points: readonly number[], values: readonly number[]): number {
  const next = points.findIndex((point) => point >= at);
  if (next < 0) return values[values.length - 1];
  if (next === 0) return values[0];
  const share = (at - points[next - 1]) / (points[next] - points[next - 1]);
  return values[next - 1] + share * (values[next] - values[next - 1]);
}
