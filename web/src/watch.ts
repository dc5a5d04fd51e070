/** Read a playing video: the newest frame goes to the worker whenever it has room. */

import type { Connection } from "./connection";
import type { Posted } from "./pixels";
import type { ReadOptions, TrackingOptions } from "./protocol";
import { Faces, type Moment } from "./results";

/** Frames that may be with the worker: one that it reads and one that waits, so that it need not. */
const AT_ONCE = 2;

/** A video that is being read. */
export class Watch {
  /** Resolves when the watch was stopped, rejects where it failed. */
  readonly ended: Promise<void>;
  private stopped = false;
  private atWork = 0;
  private frames = 0;
  private dropped = 0;
  private began: number | null = null;
  private lastTime = -1;
  private end!: () => void;
  private fail!: (error: unknown) => void;
  private waiting = 0;

  /** Use `Mien.watch`. */
  constructor(
    private readonly connection: Connection,
    private readonly number: number,
    private readonly video: HTMLVideoElement,
    private readonly onMoment: (moment: Moment) => void,
    private readonly read: ReadOptions,
    tracking: TrackingOptions,
  ) {
    this.ended = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
    this.ended.catch(() => undefined); // whoever does not ask need not handle it
    this.connection.ask("open", { video: number, tracking }).then(
      () => this.await(),
      (error: unknown) => this.stop(error),
    );
  }

  /** Stop reading; with an error, `ended` rejects. */
  stop(error?: unknown): void {
    if (this.stopped) return;
    this.stopped = true;
    if ("cancelVideoFrameCallback" in this.video) this.video.cancelVideoFrameCallback(this.waiting);
    else cancelAnimationFrame(this.waiting);
    this.connection.ask("end", { video: this.number }).catch(() => undefined);
    if (error === undefined) this.end();
    else this.fail(error);
  }

  private await(): void {
    if (this.stopped) return;
    const next = (): void => {
      this.await();
      this.take();
    };
    if ("requestVideoFrameCallback" in this.video) this.waiting = this.video.requestVideoFrameCallback(next);
    else this.waiting = requestAnimationFrame(next);
  }

  private take(): void {
    const { video } = this;
    if (this.stopped || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    const time = this.timeNow();
    if (time <= this.lastTime) return; // the same frame again
    this.lastTime = time;
    if (this.atWork >= AT_ONCE) {
      this.dropped += 1;
      return;
    }
    this.atWork += 1;
    this.send(time).then(
      () => (this.atWork -= 1),
      (error: unknown) => this.stop(error),
    );
  }

  /** Return seconds: a file's own time, or for a camera the time since the first frame. */
  private timeNow(): number {
    if (!this.video.srcObject) return this.video.currentTime;
    const now = performance.now() / 1000;
    this.began ??= now;
    return now - this.began;
  }

  private async send(time: number): Promise<void> {
    const picture = await grab(this.video);
    if (this.stopped) {
      picture.close();
      return;
    }
    const frame = this.frames++;
    const values = { video: this.number, time, picture: picture as Posted, options: this.read };
    const { width, height, labels, faces, milliseconds } = await this.connection.ask("frame", values, [picture]);
    if (this.stopped) return;
    const result = new Faces("video", width, height, labels, faces);
    this.onMoment({ time, frame, faces: result, milliseconds, dropped: this.dropped });
  }
}

/** Take the frame that a video shows, without waiting for pixels where the browser can. */
async function grab(video: HTMLVideoElement): Promise<VideoFrame | ImageBitmap> {
  if (typeof VideoFrame !== "undefined") return new VideoFrame(video);
  return createImageBitmap(video);
}
