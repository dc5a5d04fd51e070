// What can be taken away: annotated pictures, JSON and CSV, made here from what the server answered.

import { h } from "./dom.js";
import { colorOf, inkOn, isUnclear, likeliest, titleOf } from "./emotions.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const saveJson = (value, name) => save(new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: "application/json" }), name);

/** The faces of a picture that the detector is sure enough of: what is shown is what is saved. */
export const shown = (image) => ({ ...image, faces: image.faces.filter(({ score }) => score >= settings.threshold) });

/** Rows of a video as CSV, without the faces that are not shown. */
export async function shownRows(blob) {
  const [head, ...lines] = (await blob.text()).split("\n");
  const column = head.split(",").indexOf("score");
  const kept = lines.filter((line) => line === "" || Number(line.split(",")[column]) >= settings.threshold);
  return new Blob([[head, ...kept].join("\n")], { type: "text/csv" });
}

export const stem = (name) => name.replace(/\.[^.]*$/, "") || "mien";

const cell = (value) => (/[",\n\r]/.test(value ?? "") ? `"${value.replaceAll('"', '""')}"` : (value ?? ""));

const NUMBERS = ["expressiveness", "valence", "arousal"]; // that are derived from votes, each with an interval

/** What is known of a face's uncertainty, as columns; empty where the model does not know it. */
function uncertainty(face) {
  const numbers = NUMBERS.flatMap((name) => ["value", "low", "high"].map((part) => face[name]?.[part]));
  return [face.emotion_set?.join("|"), ...numbers];
}

/** One line per face, as `mien predict --csv` writes them. */
export function csvOf({ labels, images }) {
  const columns = [
    "source", "face", "left", "top", "right", "bottom", "score", "emotion", "confidence", "vote_share", ...labels.emotions,
    "emotion_set", ...NUMBERS.flatMap((name) => [name, `${name}_low`, `${name}_high`]),
  ];
  const rows = images.flatMap(({ source, faces }) =>
    faces.map((face, number) => [
      source, number, ...face.box, face.score, face.emotion, face.confidence, face.vote_share,
      ...labels.emotions.map((emotion) => face.probabilities[emotion]), ...uncertainty(face),
    ]),
  );
  const text = [columns, ...rows].map((row) => row.map((value) => cell(typeof value === "number" ? String(value) : value)).join(",")).join("\n");
  return new Blob([`${text}\n`], { type: "text/csv" });
}

/** The picture with its boxes and captions, as a PNG. `picture` is an image or a video, upright, of the answer's size or larger. */
export function annotated(picture, { width, height, faces }, { mirrored = false } = {}) {
  const canvas = h("canvas", {
    width: picture.videoWidth || picture.naturalWidth || width,
    height: picture.videoHeight || picture.naturalHeight || height,
  });
  const scale = canvas.width / width;
  const pen = canvas.getContext("2d");
  if (mirrored) pen.setTransform(-1, 0, 0, 1, canvas.width, 0);
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  pen.resetTransform();
  const unit = Math.max(1, Math.max(canvas.width, canvas.height) / 1000);
  for (const face of faces) caption(pen, face, { scale, unit, mirrored });
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t("The picture is too large for this browser to draw.")))), "image/png");
  });
}

function caption(pen, face, { scale, unit, mirrored }) {
  const { width: across } = pen.canvas;
  const [left, top, right, bottom] = face.box.map((value) => value * scale);
  const x = mirrored ? across - right : left;
  const breadth = right - left;
  pen.strokeStyle = "rgb(0 0 0 / 50%)";
  pen.lineWidth = 5 * unit;
  pen.strokeRect(x, top, breadth, bottom - top);
  const color = colorOf(likeliest(face));
  pen.strokeStyle = color;
  pen.lineWidth = 3 * unit;
  pen.setLineDash(isUnclear(face) ? [8 * unit, 6 * unit] : []);
  pen.strokeRect(x, top, breadth, bottom - top);
  pen.setLineDash([]);
  const size = Math.min(Math.max(breadth / 7, 11 * unit), 24 * unit);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  const words = titleOf(face);
  const [wide, high] = [pen.measureText(words).width + size, 1.5 * size];
  const at = Math.min(Math.max(x - 1.5 * unit, 0), across - wide);
  const above = top - high >= 0 ? top - high : Math.min(bottom, pen.canvas.height - high);
  pen.fillStyle = color;
  pen.fillRect(at, above, wide, high);
  pen.fillStyle = inkOn(likeliest(face));
  pen.textBaseline = "middle";
  pen.fillText(words, at + size / 2, above + high / 2);
}
