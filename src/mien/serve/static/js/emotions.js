import { percent } from "./dom.js";
import { t } from "./words.js";

// The emotions' colours, as the server draws them; learnt from it once.

const colors = new Map();

export function learnColors(table) {
  for (const [emotion, color] of Object.entries(table)) colors.set(emotion, color);
}

export const colorOf = (emotion) => colors.get(emotion) ?? "#808080";

/** Black or white, whichever is read more easily on the emotion's colour. */
export function inkOn(emotion) {
  const channels = [1, 3, 5].map((at) => parseInt(colorOf(emotion).slice(at, at + 2), 16) / 255);
  const [red, green, blue] = channels.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? "#141414" : "#ffffff";
}

/** What the server calls an emotion whose probability is below its threshold. */
export const UNCLEAR = "uncertain";

/** The likeliest emotion of a face, also where the server reports none. */
export function likeliest(face) {
  if (face.likeliest) return face.likeliest;
  const found = Object.entries(face.probabilities ?? {});
  return found.length ? found.reduce((best, one) => (one[1] > best[1] ? one : best))[0] : face.emotion;
}

const HALF = 0.5; // a face is unclear where no emotion is likelier than all others together

/** Whether a face's emotion is a guess: reported so, or none is likelier than not. */
export const isUnclear = (face) => face.emotion === UNCLEAR || face.confidence < HALF;

/** The second likeliest emotion, where all of them are known. */
function runnerUp(face) {
  if (Array.isArray(face.probabilities)) return null;
  const best = likeliest(face);
  const others = Object.entries(face.probabilities ?? {}).filter(([emotion]) => emotion !== best);
  return others.length ? others.reduce((most, one) => (one[1] > most[1] ? one : most))[0] : null;
}

/** What people read: "happy", "sad or neutral" where none is likelier than not, or "unclear, maybe happy". */
export function nameOf(face) {
  if (face.emotion === UNCLEAR) return t("unclear, maybe {emotion}", { emotion: t(likeliest(face)) });
  const second = isUnclear(face) ? runnerUp(face) : null;
  return second ? t("{first} or {second}", { first: t(face.emotion), second: t(second) }) : t(face.emotion);
}

/** The same with the percentage: "happy 83 %", "unclear, maybe happy (60 %)". */
export function titleOf(face) {
  const share = percent(face.confidence);
  return face.emotion === UNCLEAR ? `${nameOf(face)} (${share})` : `${nameOf(face)} ${share}`;
}

/** Paints an element in the colours of a face's likeliest emotion, hatched where it is unclear. */
export function paintFace(element, face) {
  paint(element, likeliest(face));
  element.classList.toggle("unclear", isUnclear(face));
}

/** Gives an element the emotion's colours, for the style sheet to use. */
export function paint(element, emotion) {
  element.style.setProperty("--emotion", colorOf(emotion));
  element.style.setProperty("--on-emotion", inkOn(emotion));
}
