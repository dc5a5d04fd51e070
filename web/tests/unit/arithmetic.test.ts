import { expect, test } from "vitest";
import { softmax } from "../../src/bundle";
import { cropFace, fitFrame, toInput } from "../../src/crop";
import { type Detection, nonMaximumSuppression } from "../../src/detection/detections";
import { resizeArea, roundHalfEven } from "../../src/image/area";
import { grayPatch } from "../../src/image/gray";
import { warpAffine } from "../../src/image/warp";
import { fold, roundTo } from "../../src/results";
import { bytes, floats, pattern, python } from "./fixtures";

test("gray is OpenCV's, to the bit", () => {
  expect(grayPatch(pattern(20, 30, 3, 1)).data).toEqual(bytes(python.gray));
});

test.each(python.shrinking)("a picture of $height x $width shrinks as OpenCV shrinks it", (one) => {
  const [rows, columns] = one.result.shape;
  const image = pattern(one.height, one.width, 3, one.seed);
  expect(resizeArea(image, columns, rows).data).toEqual(bytes(one.result));
});

test("alpha is left out when a picture shrinks", () => {
  const image = pattern(61, 87, 3, 7);
  const rgba = new Uint8Array(61 * 87 * 4);
  for (let k = 0; k < 61 * 87; k++) rgba.set([...image.data.subarray(3 * k, 3 * k + 3), k % 256], 4 * k);
  const shrunk = resizeArea({ data: rgba, width: 87, height: 61, channels: 4 }, 50, 40, 3);
  expect(shrunk.data).toEqual(bytes(python.shrinking[0].result));
});

test.each(python.warping)("warping by $matrix is OpenCV's", ({ matrix, result }) => {
  expect(warpAffine(pattern(90, 80, 1, 3), matrix, 48)).toEqual(bytes(result));
});

test("faces are cropped as in Python: with landmarks, without, over the edge, large ones", () => {
  const { boxes, landmarks, crops, fits } = python.cropping;
  const image = pattern(300, 400, 3, 11);
  const wanted = bytes(crops);
  boxes.forEach((box, row) => {
    const { scale, offset } = fitFrame(box, landmarks[row], false);
    [scale, ...offset].forEach((value, k) => expect(value).toBeCloseTo(fits[row][k], 5));
    expect(cropFace(image, box, landmarks[row], false)).toEqual(wanted.subarray(row * 2304, (row + 1) * 2304));
  });
});

test("a frame is taken as it is", () => {
  expect(cropFace(pattern(48, 48, 3, 13), [0, 0, 48, 48], null, true)).toEqual(bytes(python.cropping.whole));
});

test("network input is Python's, and mirrored on request", () => {
  const crop = bytes(python.cropping.crops).subarray(0, 2304);
  const input = toInput([crop], { size: 44, mean: 120.5, std: 61.25 });
  expect(input).toEqual(floats(python.cropping.input));
  const mirrored = toInput([crop], { size: 44, mean: 120.5, std: 61.25 }, true);
  expect([...mirrored.subarray(0, 44)]).toEqual([...input.subarray(0, 44)].reverse());
});

test("overlapping boxes are suppressed as in Python", () => {
  const { boxes, scores, kept } = python.suppression;
  const faces: Detection[] = boxes.map((box, k) => ({ box, score: scores[k], landmarks: null }));
  expect(nonMaximumSuppression(faces, 0.4).map((face) => faces.indexOf(face))).toEqual(kept);
});

test("probabilities and folded shares are Python's", () => {
  const { logits, temperature, probabilities, from, to, folded } = python.calibration;
  logits.forEach((row, n) => {
    const values = softmax(row, temperature);
    values.forEach((value, k) => expect(value).toBeCloseTo(probabilities[n][k], 6));
    fold(values, from, to).forEach((value, k) => expect(value).toBeCloseTo(folded[n][k], 6));
  });
});

test("numbers are rounded as in Python", () => {
  expect([0.5, 1.5, 2.5, -1.5].map(roundHalfEven)).toEqual([0, 2, 2, -2]);
  expect([12.25, 12.35, 0.05, 3].map((value) => roundTo(value, 1))).toEqual([12.2, 12.3, 0.1, 3]);
});
