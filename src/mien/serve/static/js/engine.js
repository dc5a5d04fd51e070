// Where faces are read: on this device, by the browser package `mien`, or on the server behind the page.

import { readPicture as readOnServer } from "./server.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

/** Whether no server of mien's is behind the page: a folder that `mien site` wrote. */
export const onlyHere = document.documentElement.hasAttribute("data-site");

/** Whether this browser can read faces itself. */
export const canHere = [typeof WebAssembly, typeof OffscreenCanvas, typeof DecompressionStream, typeof createImageBitmap].every((kind) => kind !== "undefined");

/** Whether faces are read on this device. */
export const isHere = () => onlyHere || (canHere && settings.engine !== "server");

const DETECTORS = ["mien-face", "whole"];
let loaded = null;
let name = "";

/** The package, with the model that the settings ask for; loaded once, and again where loading failed. */
export async function reader() {
  const wanted = settings.accurate ? "mien" : "mien-nano";
  if (wanted !== name) {
    loaded?.then((before) => before.close(), () => undefined);
    name = wanted;
    loaded = import("../web/mien.js").then(({ load }) => load({ model: wanted }));
  }
  try {
    return await loaded;
  } catch (error) {
    name = "";
    throw new Error(words(error));
  }
}

/** What can be chosen on this device, as the server describes itself. */
export async function describeHere() {
  const [{ model }, { colorOf, VERSION }] = await Promise.all([reader(), import("../web/mien.js")]);
  const emotions = Object.fromEntries(model.heads.flatMap((head) => head.emotions).map((emotion) => [emotion, colorOf(emotion)]));
  return { labels: model.default, heads: model.heads, detectors: DETECTORS, emotions, mien: VERSION };
}

/** The answer for one picture, the document of `mien predict --json`. */
export async function readPicture(blob, name, signal) {
  if (!isHere()) return readOnServer(blob, name, settings.asked, signal);
  try {
    const mien = await reader();
    const faces = await mien.predict(blob, { ...optionsHere(mien), source: name });
    if (signal.aborted) throw new DOMException("", "AbortError");
    return mien.document([faces]);
  } catch (error) {
    if (signal.aborted) throw new DOMException("", "AbortError");
    if (!error.name.endsWith("ImageError")) throw new Error(words(error));
    throw new Error(t("This browser cannot read the file as a picture. Choose a JPEG, PNG, WebP, GIF or AVIF."));
  }
}

/** The settings that the package understands. */
export function optionsHere({ model }) {
  const { labels, detector, flip } = settings.asked;
  return {
    labels: model.heads.some((head) => head.name === labels) ? labels : null,
    detector: DETECTORS.includes(detector) ? detector : "mien-face",
    flip: flip === true,
  };
}

/** What went wrong, for a visitor: the package's messages are for developers. */
function words(error) {
  console.info(error.message);
  if (error.name === "RuntimeError") return t("What reads the faces could not be loaded. Check the connection, then load the page again.");
  return t("This face could not be read on this device. Try another picture, or another browser.");
}
