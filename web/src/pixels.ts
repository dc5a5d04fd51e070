/** Decode pictures into upright RGBA in the worker. The only module that decodes. */

import { ImageError } from "./errors";
import type { Plane } from "./image/area";

/** What the page can post to the worker as a picture. */
export type Posted = Blob | ImageBitmap | VideoFrame | ImageData;

/** Most pixels of a picture, as in Python. */
export const MAX_PIXELS = 160_000_000;

let canvas: OffscreenCanvas | null = null;
let context: OffscreenCanvasRenderingContext2D | null = null;

/**
 * Decode a picture; transparency is composed on white, and of an animation the first picture is used.
 *
 * @param posted the picture; bitmaps and video frames are closed.
 * @param source its name, for messages.
 * @returns RGBA.
 */
export async function decode(posted: Posted, source: string): Promise<Plane> {
  if (posted instanceof ImageData) return opaque(posted);
  const picture = posted instanceof Blob ? await bitmapOf(posted, source) : posted;
  const copied = "copyTo" in picture && (await copyFrame(picture));
  if (copied) return copied;
  const [width, height] =
    "displayWidth" in picture ? [picture.displayWidth, picture.displayHeight] : [picture.width, picture.height];
  try {
    if (width * height > MAX_PIXELS) {
      throw new ImageError(
        `${source}: expected at most ${MAX_PIXELS.toLocaleString("en")} pixels, got ${width} x ${height}. ` +
          "Scale it down first",
      );
    }
    return read(picture, width, height, source);
  } finally {
    picture.close();
    if (canvas && canvas.width * canvas.height > 8_000_000) canvas = context = null; // frees the memory of large ones
  }
}

let frameData = new Uint8Array(0);

/** Copy a video frame's pixels, which takes half the time of drawing it; null where this browser cannot. */
async function copyFrame(frame: VideoFrame): Promise<Plane | null> {
  const { visibleRect: seen, displayWidth: width, displayHeight: height } = frame;
  const turned = "rotation" in frame && frame.rotation !== 0;
  if (!seen || seen.width !== width || seen.height !== height || turned || width * height > MAX_PIXELS) return null;
  try {
    if (frameData.length !== width * height * 4) frameData = new Uint8Array(width * height * 4);
    await frame.copyTo(frameData, { format: "RGBA" });
  } catch {
    return null; // an older browser
  }
  frame.close();
  return { data: frameData, width, height, channels: 4 };
}

async function bitmapOf(blob: Blob, source: string): Promise<ImageBitmap> {
  if (!blob.size) {
    throw new ImageError(`${source}: expected a picture, got an empty file. Copy or download it again`);
  }
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    const kind = blob.type && !blob.type.startsWith("image/") ? `a file of the type ${blob.type}` : "something else";
    throw new ImageError(
      `${source}: expected a picture that this browser reads (JPEG, PNG, WebP, GIF, BMP, AVIF), got ${kind} or a ` +
        "damaged file. Convert it, or check the file",
    );
  }
}

function read(picture: ImageBitmap | VideoFrame, width: number, height: number, source: string): Plane {
  if (!canvas || !context) {
    canvas = new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  } else if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  if (!context) {
    throw new ImageError(`${source}: expected a picture that this browser can hold, got ${width} x ${height} pixels`);
  }
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

/** Return pixels composed on white. */
function opaque({ data, width, height }: ImageData): Plane {
  const result = new Uint8ClampedArray(data);
  for (let at = 0; at < result.length; at += 4) {
    const alpha = result[at + 3];
    if (alpha === 255) continue;
    for (let k = at; k < at + 3; k++) result[k] = (result[k] * alpha + 255 * (255 - alpha)) / 255;
    result[at + 3] = 255;
  }
  return { data: result, width, height, channels: 4 };
}
