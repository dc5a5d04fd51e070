/** mien-face, mien's own face detector: the rules of `detection/mien_face.py`. Knows pixels and boxes, no emotions. */

import { BundleError } from "../errors";
import { type Plane, resizeArea, roundHalfEven } from "../image/area";
import type { Session } from "../session";
import {
  areaOf,
  type Box,
  clipTo,
  type Detection,
  type Landmarks,
  nonMaximumSuppression,
  sharedArea,
  sideOf,
} from "./detections";

const { exp, log, max, min } = Math;

const FORMAT_VERSION = 1;
const KIND = "face-finder";

/** When a second search is made. */
export type SearchAgain = "needed" | "always" | "never";

/** The detector's options. */
export interface DetectorOptions {
  /** Longer side in pixels at which faces are detected. */
  size: number;
  /** Least score, 0 to 1; null: the bundle's. */
  threshold: number | null;
  /** The search for faces that fill the picture. */
  secondLook: SearchAgain;
  /** The search for faces that are small in it. */
  fineLook: SearchAgain;
}

interface FinderMetadata {
  strides: number[];
  scoreScale: number;
  scoreShift: number;
  threshold: number;
  overlap: number;
}

const MULTIPLE = 16;
const LARGE = 160;
const SMALL = 24;
const FINE_GAIN = 1.25;
const SECOND_SIZE = 192;
const SECOND_MARGIN = 0.12;
const WITHIN = 0.75;
const SURE = 0.5;
const LIKELY = 0.3;
const LANDMARKS = 5;

/** Read the metadata of a face detector's bundle. */
function parse(text: string | null, source: string): FinderMetadata {
  if (text === null) {
    throw new BundleError(`${source} is a network, but not a face detector of mien's: it has no metadata in it`);
  }
  try {
    const values = JSON.parse(text) as Record<string, unknown>;
    if (values.kind !== KIND) {
      throw new BundleError(`${source}: expected a bundle of a face detector, got one of another kind`);
    }
    if (Number(values.format_version) > FORMAT_VERSION) {
      throw new BundleError(
        `${source} is a face detector of format version ${Number(values.format_version)}; this mien reads up to ` +
          `${FORMAT_VERSION}. Use a newer mien`,
      );
    }
    const number = (name: string): number => {
      if (!Number.isFinite(values[name])) throw new TypeError(name);
      return values[name] as number;
    };
    return {
      strides: (values.strides as number[]).map(Number),
      scoreScale: number("score_scale"),
      scoreShift: number("score_shift"),
      threshold: number("threshold"),
      overlap: number("overlap"),
    };
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError(
      `${source}: expected the metadata of a face detector, got something damaged (${String(error)}). Export it again`,
    );
  }
}

/** Detect faces with mien's own network; docs/face-crop.md and `MienFace` in Python describe the searches. */
export class MienFace {
  private readonly metadata: FinderMetadata;

  constructor(
    private readonly session: Session,
    metadata: string | null,
    source: string,
  ) {
    this.metadata = parse(metadata, source);
  }

  /**
   * Detect the faces of a picture, the surest first.
   *
   * @param image RGB or RGBA.
   */
  async detect(image: Plane, options: DetectorOptions): Promise<Detection[]> {
    const threshold = options.threshold ?? this.metadata.threshold;
    const longer = max(image.width, image.height);
    const look = (size: number, margin: number): Promise<Detection[]> =>
      this.look(image, size, margin, min(threshold, LIKELY));
    const first = await look(options.size, 0);
    const again = this.secondWanted(first, longer, options);
    let found = first;
    if (this.fineWanted(first, longer, options)) {
      const fine = await look(2 * options.size, 0);
      const scale = min(1, (2 * options.size) / longer);
      found = this.merged(first, fine.filter(({ box }) => sideOf(box) * scale < LARGE));
    }
    if (again) {
      found = this.joined(found, await look(SECOND_SIZE, SECOND_MARGIN), min(1, options.size / longer));
    }
    return clipTo(found.filter(({ score }) => score >= threshold), image.width, image.height);
  }

  /** Run the network once, on a small picture, so that the first answer comes sooner. */
  async warmUp(): Promise<void> {
    const side = 8 * MULTIPLE;
    await this.session.run("picture", new Uint8Array(side * side * 3), [1, side, side, 3]);
  }

  private fineWanted(found: Detection[], longer: number, { size, fineLook }: DetectorOptions): boolean {
    if (fineLook === "never" || longer < FINE_GAIN * size) return false;
    const isSmall = ({ box, score }: Detection): boolean => (sideOf(box) * size) / longer < SMALL && score >= LIKELY;
    return fineLook === "always" || found.some(isSmall);
  }

  private secondWanted(found: Detection[], longer: number, { size, secondLook }: DetectorOptions): boolean {
    const sizes = found.filter(({ score }) => score >= LIKELY).map(({ box }) => sideOf(box) * min(1, size / longer));
    if (secondLook !== "needed" || !sizes.length) return secondLook !== "never";
    return max(...sizes) >= LARGE;
  }

  private merged(first: Detection[], second: Detection[]): Detection[] {
    return nonMaximumSuppression([...first, ...second], this.metadata.overlap);
  }

  /** Join two searches: large faces are the second's alone, and what lies in one of those is a part of it. */
  private joined(first: Detection[], second: Detection[], scale: number): Detection[] {
    const large = second.filter(({ box }) => sideOf(box) * scale >= LARGE / 2);
    const isPart = (face: Detection): boolean =>
      large.some(
        (other) =>
          sharedArea(face.box, other.box) / max(areaOf(face.box), 1e-9) > WITHIN &&
          other.score >= min(face.score, SURE),
      );
    const rest = first.filter((face) => !isPart(face) && sideOf(face.box) * scale < LARGE);
    return this.merged(rest, large);
  }

  /** Search with the longer side at most `size` pixels, inside a black margin, a share of the longer side. */
  private async look(image: Plane, size: number, margin: number, least: number): Promise<Detection[]> {
    const longer = max(image.width, image.height);
    const scale = min(1, size / (longer * (1 + 2 * margin)));
    const width = max(1, roundHalfEven(image.width * scale));
    const height = max(1, roundHalfEven(image.height * scale));
    const border = roundHalfEven(margin * longer * scale);
    const small = scale < 1 ? resizeArea(image, width, height, 3) : image;
    const picture = padded(small, border);
    const maps = await this.session.run("picture", picture.data as Uint8Array, [1, picture.height, picture.width, 3]);
    const names = this.session.outputs;
    const faces = this.metadata.strides.flatMap((stride, row) => this.decode(maps[names[row]], stride, least));
    const across = image.width / width;
    const down = image.height / height;
    return nonMaximumSuppression(faces, this.metadata.overlap).map(({ box, score, landmarks }) => ({
      box: box.map((value, side) => (value - border) * (side % 2 ? down : across)) as Box,
      score,
      landmarks: landmarks && landmarks.map(([x, y]) => [(x - border) * across, (y - border) * down]),
    }));
  }

  /** Return the faces of the likely cells, in pixels of the input. */
  private decode({ data, dims }: Values, stride: number, least: number): Detection[] {
    const [, , rows, columns] = dims;
    const { scoreScale, scoreShift } = this.metadata;
    const lowest = log(least / (1 - least)) - scoreShift;
    const cells = rows * columns;
    const faces: Detection[] = [];
    for (let cell = 0; cell < cells; cell++) {
      if (data[cell] * scoreScale < lowest) continue;
      const value = (channel: number): number => data[channel * cells + cell];
      const x = (cell % columns) + 0.5;
      const y = Math.floor(cell / columns) + 0.5;
      const [middleX, middleY] = [x + value(1), y + value(2)];
      const [halfX, halfY] = [exp(min(6, value(3))) / 2, exp(min(6, value(4))) / 2];
      const logit = max(-30, min(30, value(0) * scoreScale + scoreShift));
      const landmarks: Landmarks = [];
      for (let point = 0; point < LANDMARKS; point++) {
        landmarks.push([(x + value(5 + 2 * point)) * stride, (y + value(6 + 2 * point)) * stride]);
      }
      faces.push({
        box: [middleX - halfX, middleY - halfY, middleX + halfX, middleY + halfY].map((side) => side * stride) as Box,
        score: 1 / (1 + exp(-logit)),
        landmarks,
      });
    }
    return faces;
  }
}

interface Values {
  data: Float32Array;
  dims: readonly number[];
}

/** Return RGB in a black border, which is wider below and to the right, up to sides that are multiples of 16. */
function padded(image: Plane, border: number): Plane {
  const width = Math.ceil((image.width + 2 * border) / MULTIPLE) * MULTIPLE;
  const height = Math.ceil((image.height + 2 * border) / MULTIPLE) * MULTIPLE;
  const { data: source, channels: stride } = image;
  if (stride === 3 && width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < image.height; y++) {
    let from = y * image.width * stride;
    let to = ((y + border) * width + border) * 3;
    if (stride === 3) {
      data.set(source.subarray(from, from + image.width * 3), to);
      continue;
    }
    for (let x = 0; x < image.width; x++, from += stride, to += 3) {
      data[to] = source[from];
      data[to + 1] = source[from + 1];
      data[to + 2] = source[from + 2];
    }
  }
  return { data, width, height, channels: 3 };
}
