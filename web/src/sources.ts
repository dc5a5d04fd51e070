/** Take a picture from whatever a page has one in. */

import { describeValue, ImageError, InputError } from "./errors";
import type { Posted } from "./pixels";

/** What `predict` reads. */
export type Source =
  | Blob
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | VideoFrame;

/** Return what the worker decodes, and what of it the page gives up; bitmaps and frames of the caller stay open. */
export async function take(source: Source): Promise<{ picture: Posted; moved: Transferable[] }> {
  if (source instanceof Blob) return { picture: source, moved: [] };
  if (source instanceof ImageData) return { picture: source, moved: [] };
  if (typeof VideoFrame !== "undefined" && source instanceof VideoFrame) {
    const frame = source.clone();
    return { picture: frame, moved: [frame] };
  }
  if (typeof HTMLVideoElement !== "undefined" && source instanceof HTMLVideoElement) {
    if (source.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !source.videoWidth) {
      throw new ImageError("video: expected one that shows a frame, got one without. Wait for its event `loadeddata`");
    }
  } else if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) {
    await source.decode().catch(() => {
      throw new ImageError(`${nameOf(source)}: expected a picture, got an <img> that shows none. Check its address`);
    });
  } else if (!isDrawn(source)) {
    throw new InputError(
      "image: expected a Blob or File, an <img>, <video> or <canvas> element, an ImageBitmap, ImageData or VideoFrame, " +
        `got ${describeValue(source)}`,
    );
  }
  try {
    const bitmap = await createImageBitmap(source, { colorSpaceConversion: "none" });
    return { picture: bitmap, moved: [bitmap] };
  } catch (error) {
    throw new ImageError(
      `${nameOf(source)}: expected pixels that this page may read, got an error (${String(error)}). Pictures of other ` +
        'sites need crossorigin="anonymous" and their permission',
    );
  }
}

function isDrawn(source: unknown): source is HTMLCanvasElement | OffscreenCanvas | ImageBitmap {
  return (
    (typeof HTMLCanvasElement !== "undefined" && source instanceof HTMLCanvasElement) ||
    (typeof OffscreenCanvas !== "undefined" && source instanceof OffscreenCanvas) ||
    source instanceof ImageBitmap
  );
}

/** Return a picture's name in results and messages. */
export function nameOf(source: unknown): string {
  if (typeof File !== "undefined" && source instanceof File && source.name) return source.name;
  if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) {
    const name = (source.currentSrc || source.src).split(/[?#]/)[0].split("/").pop();
    if (name && !source.src.startsWith("data:") && !source.src.startsWith("blob:")) return decodeURIComponent(name);
  }
  if (typeof HTMLVideoElement !== "undefined" && source instanceof HTMLVideoElement) return "video";
  return "image";
}
