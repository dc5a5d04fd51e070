/** Find, crop and classify the faces of pictures and of videos' frames: `pipeline.py` and `video/analysis.py`. */

import { Bundle, type Head, softmax } from "./bundle";
import { cropFace } from "./crop";
import { type Detection, largestFirst } from "./detection/detections";
import type { MienFace } from "./detection/mien-face";
import { InputError } from "./errors";
import type { Plane } from "./image/area";
import type { FacesMessage, ReadOptions, TrackingOptions } from "./protocol";
import { type Face, fold, UNCERTAIN } from "./results";
import { CutDetector } from "./tracking/cuts";
import { Smoother } from "./tracking/smoothing";
import { appearanceOf, TRACK_OPTIONS, Tracker } from "./tracking/tracker";
import { uncertaintyOf } from "./uncertainty";

/** The probabilities of one face, and the shares of people where the model estimates them. */
interface Classified {
  probabilities: number[];
  shares: number[] | null;
}

/** Detect the faces of pictures, crop them and classify their emotions. */
export class Engine {
  constructor(
    readonly bundle: Bundle,
    private readonly finder: MienFace | null,
  ) {}

  /** Read one picture, RGBA. */
  async read(image: Plane, options: ReadOptions): Promise<FacesMessage> {
    const head = this.bundle.head(options.labels);
    const found = await this.find(image, options);
    const classified = await this.classify(image, found, head, options);
    const faces = found.map((detection, row) => {
      const { probabilities, shares } = classified[row];
      const column = indexOfMost(probabilities);
      return faceOf(detection, head, this.bundle.voteHead, probabilities, shares, column, options.minConfidence, null);
    });
    return { width: image.width, height: image.height, labels: head.name, faces, milliseconds: 0 };
  }

  /** Detect the faces, the largest first. */
  async find(image: Plane, options: ReadOptions): Promise<Detection[]> {
    if (options.detector === "whole") {
      return [{ box: [0, 0, image.width, image.height], score: 1, landmarks: null }];
    }
    if (!this.finder) {
      throw new InputError('detector: expected "whole", since no face detector is loaded, got "mien-face"');
    }
    return largestFirst(await this.finder.detect(image, { ...options, secondLook: "needed" }), options.minFace);
  }

  /** Classify detected faces. */
  async classify(image: Plane, found: Detection[], head: Head, options: ReadOptions): Promise<Classified[]> {
    if (!found.length) return [];
    const whole = options.detector === "whole";
    const crops = found.map(({ box, landmarks }) => cropFace(image, box, landmarks, whole));
    const logits = await this.bundle.logits(crops, options.flip);
    const { voteHead } = this.bundle;
    return crops.map((_, row) => ({
      probabilities: softmax(logits[head.name][row], head.temperature),
      shares:
        voteHead &&
        fold(softmax(logits[voteHead.name][row], voteHead.shareTemperature ?? 1), voteHead.labels, head.labels),
    }));
  }
}

/** Analyze the frames of one video: persons keep their numbers, probabilities are averaged in time. */
export class VideoEngine {
  private readonly tracker: Tracker;
  private readonly cuts = new CutDetector();
  private smoother: Smoother;
  private labels = "";
  private shape = "";

  constructor(
    private readonly engine: Engine,
    private readonly tracking: TrackingOptions,
  ) {
    this.tracker = new Tracker({ ...TRACK_OPTIONS, maxGap: tracking.maxGap });
    this.smoother = this.newSmoother();
  }

  private newSmoother(): Smoother {
    return new Smoother(this.tracking.smoothing, this.tracking.margin);
  }

  /** Analyze the next frame, RGBA, at a time in seconds. */
  async analyze(time: number, image: Plane, options: ReadOptions): Promise<FacesMessage> {
    const head = this.engine.bundle.head(options.labels);
    if (head.name !== this.labels) {
      this.labels = head.name;
      this.smoother = this.newSmoother();
    }
    this.noticeNewShot(time, image);
    const found = await this.engine.find(image, options);
    const appearances = found.map(({ box }) => appearanceOf(image, box));
    const numbers = this.tracker.update(
      time,
      found.map(({ box }) => box),
      appearances,
    );
    this.smoother.keepOnly(this.tracker.numbers);
    const classified = await this.engine.classify(image, found, head, options);
    const faces = found.map((detection, row) => {
      const { probabilities, shares } = classified[row];
      const count = probabilities.length;
      const values = this.smoother.average(time, numbers[row], [...probabilities, ...(shares ?? [])]);
      const averages = values.slice(0, count);
      const column = this.smoother.report(numbers[row], averages);
      const averageShares = shares && values.slice(count);
      const { voteHead } = this.engine.bundle;
      return faceOf(
        detection,
        head,
        voteHead,
        averages,
        averageShares,
        column,
        options.minConfidence,
        numbers[row],
      );
    });
    return { width: image.width, height: image.height, labels: head.name, faces, milliseconds: 0 };
  }

  private noticeNewShot(time: number, image: Plane): void {
    const shape = `${image.width}x${image.height}`;
    if (this.cuts.update(time, image)) {
      this.tracker.endAll();
      this.smoother.keepOnly(new Set());
    } else if (this.shape && this.shape !== shape) this.tracker.expectAnywhere();
    this.shape = shape;
  }
}

function faceOf(
  { box, score, landmarks }: Detection,
  { labels, uncertainty }: Head,
  voteHead: Head | null,
  probabilities: number[],
  shares: number[] | null,
  column: number,
  minConfidence: number,
  track: number | null,
): Face {
  const confidence = probabilities[column];
  return {
    box,
    score,
    landmarks,
    emotion: confidence >= minConfidence ? labels[column] : UNCERTAIN,
    confidence,
    vote_share: shares && shares[column],
    probabilities: Object.fromEntries(labels.map((name, k) => [name, probabilities[k]])),
    track,
    ...uncertaintyOf(labels, probabilities, column, uncertainty, shares, voteHead?.uncertainty ?? null),
  };
}

function indexOfMost(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
