import { expect, test } from "vitest";
import { assign } from "../../src/tracking/assignment";
import { CutDetector } from "../../src/tracking/cuts";
import { Smoother } from "../../src/tracking/smoothing";
import { appearanceOf, Tracker } from "../../src/tracking/tracker";
import { blocks, python } from "./fixtures";

test("persons who cross, leave and come back have Python's numbers, averages and emotions", () => {
  const tracker = new Tracker();
  const smoother = new Smoother();
  const image = blocks(21);
  for (const frame of python.tracking) {
    const appearances = frame.boxes.map((box) => appearanceOf(image, box));
    frame.appearances?.forEach((row, n) => row.forEach((value, k) => expect(appearances[n][k]).toBeCloseTo(value, 5)));
    const numbers = tracker.update(frame.time, frame.boxes, appearances);
    expect(numbers).toEqual(frame.numbers);
    smoother.keepOnly(tracker.numbers);
    numbers.forEach((number, n) => {
      const average = smoother.average(frame.time, number, frame.values[n]);
      average.forEach((value, k) => expect(value).toBeCloseTo(frame.averages[n][k], 5));
      expect(smoother.report(number, average)).toBe(frame.reported[n]);
    });
  }
});

test("cuts, moves of the camera and flashes are told apart as in Python", () => {
  const detector = new CutDetector();
  const pictures = new Map([
    ["0", blocks(31)],
    ["0+8", blocks(31, 8)],
    ["0+16", blocks(31, 16)],
    ["1", blocks(32)],
    ["bright", blocks(32, 0, 90)],
  ]);
  const cuts = python.cutting.frames.map((name, n) => detector.update(n / 25, pictures.get(name)!));
  expect(cuts).toEqual(python.cutting.cuts);
});

test("a picture of another size is no cut", () => {
  const detector = new CutDetector();
  detector.update(0, blocks(31));
  const other = { ...blocks(32), width: 160, height: 360 };
  expect(detector.update(0.1, other)).toBe(false);
});

test("assignments cost least", () => {
  let state = 1;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  for (const [rows, columns] of [
    [3, 3],
    [2, 4],
    [4, 2],
    [1, 1],
    [4, 4],
  ]) {
    for (let round = 0; round < 20; round++) {
      const costs = Array.from({ length: rows }, () => Array.from({ length: columns }, random));
      const found = assign(costs).reduce((sum, column, row) => sum + (column < 0 ? 0 : costs[row][column]), 0);
      expect(found).toBeCloseTo(cheapest(costs), 9);
    }
  }
  expect(assign([])).toEqual([]);
  expect(assign([[], []])).toEqual([-1, -1]);
});

/** The least cost, by trying everything. */
function cheapest(costs: number[][], row = 0, used = new Set<number>()): number {
  const left = costs.length - row;
  if (!left) return 0;
  const free = costs[0].map((_, column) => column).filter((column) => !used.has(column));
  const options = free.map(
    (column) => costs[row][column] + cheapest(costs, row + 1, new Set([...used, column])),
  );
  if (free.length < left) options.push(cheapest(costs, row + 1, used)); // one row stays without a column
  return Math.min(...options);
}
