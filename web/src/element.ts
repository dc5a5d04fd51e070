/**
 * `<mien-camera>`: a camera's picture with a box and an emotion on each face.
 *
 * Attributes: `model`, `labels`, `size`, `mirror` ("off" shows the picture as it is), `device` (a camera's id) and
 * `autostart`. Methods `start()` and `stop()`. Events: `moment` (its `detail` is a `Moment`), `start`, `stop` and
 * `problem` (its `detail` is a `MienError`).
 */

import { CameraError, MienError } from "./errors";
import { load, type Mien } from "./mien";
import { colorOf, type Face, type Moment } from "./results";
import type { Watch } from "./watch";

const STYLE = `
  :host { display: block; position: relative; aspect-ratio: 16 / 9; overflow: hidden; background: #16181d; color: #fff;
    font: 500 0.9rem/1.3 system-ui, sans-serif; border-radius: 0.75rem; }
  :host([hidden]) { display: none; }
  video, canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
  .mirrored video { transform: scaleX(-1); }
  button { position: absolute; inset: 0; margin: auto; width: max-content; height: max-content; padding: 0.7em 1.3em;
    font: inherit; color: #16181d; background: #fff; border: 0; border-radius: 99px; cursor: pointer; }
  button:focus-visible { outline: 3px solid #8ab4ff; outline-offset: 3px; }
  p { position: absolute; inset: auto 0 0; margin: 0; padding: 0.8em 1em; text-align: center; text-wrap: balance;
    background: #000a; }
  [hidden] { display: none; }
`;

/** The element; importing this module defines it as `mien-camera`. */
export class MienCamera extends HTMLElement {
  private readonly video = document.createElement("video");
  private readonly canvas = document.createElement("canvas");
  private readonly button = document.createElement("button");
  private readonly words = document.createElement("p");
  private readonly stage = document.createElement("div");
  private mien: Mien | null = null;
  private loadedAs = "";
  private watching: Watch | null = null;
  private starting = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    this.video.muted = true;
    this.video.playsInline = true;
    this.canvas.setAttribute("aria-hidden", "true");
    this.button.textContent = "Turn the camera on";
    this.button.type = "button";
    this.button.addEventListener("click", () => void this.start());
    this.words.setAttribute("role", "status");
    this.words.hidden = true;
    this.stage.append(this.video, this.canvas);
    root.append(this.stage, this.button, this.words);
  }

  connectedCallback(): void {
    if (this.hasAttribute("autostart")) void this.start();
  }

  disconnectedCallback(): void {
    this.stop();
    this.mien?.close();
    this.mien = null;
  }

  /** Ask for the camera, load the model and begin; problems are shown, and told by the event `problem`. */
  async start(): Promise<void> {
    if (this.watching || this.starting) return;
    this.starting = true;
    this.say("Starting…");
    this.button.hidden = true;
    this.stage.className = this.getAttribute("mirror") === "off" ? "" : "mirrored";
    try {
      const [stream] = await Promise.all([this.openCamera(), this.open()]);
      if (!this.isConnected || !this.mien) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      this.video.srcObject = stream;
      await this.video.play();
      this.watching = this.mien.watch(this.video, (moment) => this.show(moment));
      this.watching.ended.catch((error: unknown) => this.fail(error));
      this.say("");
      this.dispatchEvent(new CustomEvent("start"));
    } catch (error) {
      this.fail(error);
    } finally {
      this.starting = false;
    }
  }

  /** Turn the camera off. */
  stop(): void {
    this.watching?.stop();
    const was = this.watching !== null;
    this.watching = null;
    const stream = this.video.srcObject as MediaStream | null;
    stream?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.button.hidden = false;
    if (was) this.dispatchEvent(new CustomEvent("stop"));
  }

  private async open(): Promise<void> {
    const model = this.getAttribute("model") ?? "mien-nano";
    const labels = this.getAttribute("labels");
    const size = Number(this.getAttribute("size")) || undefined;
    const wanted = JSON.stringify([model, labels, size]);
    if (this.mien && this.loadedAs === wanted) return;
    this.mien?.close();
    this.mien = await load({ model, labels, size });
    this.loadedAs = wanted;
  }

  private async openCamera(): Promise<MediaStream> {
    if (!navigator.mediaDevices) {
      throw new CameraError("The camera needs a secure page: open it by https, or on this computer by localhost.");
    }
    const device = this.getAttribute("device");
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      return await navigator.mediaDevices.getUserMedia({
        video: device ? { ...size, deviceId: { exact: device } } : { ...size, facingMode: "user" },
      });
    } catch (error) {
      throw new CameraError(reasonOf(error));
    }
  }

  private fail(error: unknown): void {
    this.stop();
    const known = error instanceof MienError ? error : new MienError(String(error));
    this.say(known instanceof CameraError ? known.message : "The faces cannot be read in this browser.");
    this.dispatchEvent(new CustomEvent("problem", { detail: known }));
  }

  private say(words: string): void {
    this.words.textContent = words;
    this.words.hidden = !words;
  }

  private show(moment: Moment): void {
    this.draw(moment);
    this.dispatchEvent(new CustomEvent("moment", { detail: moment }));
  }

  private draw({ faces }: Moment): void {
    const { canvas } = this;
    if (canvas.width !== faces.width || canvas.height !== faces.height) {
      canvas.width = faces.width;
      canvas.height = faces.height;
    }
    const context = canvas.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const unit = Math.max(faces.width, faces.height) / 640;
    const mirrored = this.stage.className === "mirrored";
    for (const face of faces) drawFace(context, face, unit, mirrored ? faces.width : 0);
  }
}

/** Draw a face's box and its caption; `mirroredWidth` is the width of a mirrored picture, or 0. */
function drawFace(context: CanvasRenderingContext2D, face: Face, unit: number, mirroredWidth: number): void {
  const [left, top, right, bottom] = face.box;
  const [x, width] = [mirroredWidth ? mirroredWidth - right : left, right - left];
  const color = colorOf(face.emotion);
  context.lineWidth = 2.5 * unit;
  context.strokeStyle = color;
  context.strokeRect(x, top, width, bottom - top);
  const caption = `${face.emotion} ${Math.round(100 * face.confidence)} %`;
  context.font = `600 ${13 * unit}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const [height, padding] = [20 * unit, 6 * unit];
  const y = top >= height ? top - height : bottom;
  context.fillStyle = color;
  context.fillRect(x - 1.25 * unit, y, context.measureText(caption).width + 2 * padding, height);
  context.fillStyle = isLight(color) ? "#000" : "#fff";
  context.fillText(caption, x + padding, y + height / 2);
}

function isLight(color: string): boolean {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

function reasonOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "The camera is not allowed. Allow it in the browser's address bar, then try again.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "There is no such camera. Plug one in, then try again.";
  if (name === "NotReadableError") return "The camera is in use by another program. Close that, then try again.";
  return `The camera cannot be used (${String(error)}).`;
}

if (!customElements.get("mien-camera")) customElements.define("mien-camera", MienCamera);

declare global {
  interface HTMLElementTagNameMap {
    "mien-camera": MienCamera;
  }
}
