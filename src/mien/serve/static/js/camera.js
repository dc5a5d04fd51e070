// The panel for the camera: its frames are read on this device, or go to the server over a WebSocket; faces are drawn over the live view.

import { h, listen, parts } from "./dom.js";
import { annotated, save } from "./download.js";
import { isHere, optionsHere, reader } from "./engine.js";
import { FacesView } from "./faces.js";
import { Mood } from "./mood.js";
import { openStream } from "./server.js";
import { settings } from "./settings.js";
import { counted, t } from "./words.js";

const LONGEST = 640; // pixels of a frame's longer side on its way to the server
const ON_THE_WAY = 2; // frames: one is read while the next one travels
const PORTRAITS = 500; // milliseconds between two looks at the portraits
const QUALITY = 0.85; // of JPEG

const REASONS = {
  NotAllowedError: ["The camera was not allowed", "Allow it for this page in the browser's address bar, then turn it on again."],
  NotFoundError: ["No camera found", "Connect one, then turn it on again."],
  NotReadableError: ["The camera is busy", "Another program uses it. Close that, then turn it on again."],
  OverconstrainedError: ["That camera is gone", "Turn it on again to take another."],
};

const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(":", "");

export class CameraPanel {
  #stream = null; // of the camera
  #socket = null;
  #watch = null; // what reads the frames on this device
  #sent = new Map(); // frame number -> when it was sent
  #frame = 0;
  #answered = []; // times of the last answers
  #delay = 0; // milliseconds from frame to faces, smoothed
  #last = null; // the faces shown
  #portrayed = 0;
  #encoding = false;
  #pause = 500;

  constructor(section, { complain }) {
    this.section = section;
    this.parts = parts(section);
    this.complain = complain;
    this.view = new FacesView(this.parts.overlay, this.parts.faces);
    this.canvas = h("canvas");
    this.mood = new Mood(this.parts.mood);
    listen(section, {
      start: () => this.start(),
      stop: () => this.stop(),
      mirror: () => this.#mirror(!this.mirrored),
      snapshot: () => this.#snapshot(),
      countdown: () => this.#countdown(),
      session: () => this.mood.empty || save(this.mood.csv(), `mien-${stamp()}.csv`),
    });
    this.parts.cameras.addEventListener("change", () => this.start(this.parts.cameras.value));
    settings.addEventListener("change", ({ asks }) => asks && this.#begin());
    this.#mirror(true);
  }

  async start(camera) {
    if (!navigator.mediaDevices) {
      return this.#tell(t("No camera for this page"), t("Browsers give cameras only to pages over https, or from this machine itself (localhost)."));
    }
    this.#end();
    const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, ...(camera ? { deviceId: { exact: camera } } : { facingMode: "user" }) };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      return this.#tell(...(REASONS[error.name] ?? ["The camera does not start", "Try another one, or another browser."]).map((text) => t(text)));
    }
    const [track] = this.#stream.getVideoTracks();
    track.addEventListener("ended", () => this.stop(t("The camera was disconnected"), t("Connect it, then turn it on again.")));
    const { view, empty, work } = this.parts;
    view.srcObject = this.#stream;
    empty.hidden = true;
    work.hidden = false;
    this.parts.headline.textContent = t("Starting…");
    await view.play();
    this.parts.frame.style.setProperty("--ratio", view.videoWidth / view.videoHeight);
    this.#listCameras(track.getSettings().deviceId);
    this.mood.clear();
    this.began = performance.now();
    this.#begin();
    return this.#follow();
  }

  /** Begins, or begins again with other settings, to read frames where they are read now. */
  #begin() {
    const before = this.#socket;
    this.#watch?.stop();
    this.#socket = this.#watch = null;
    before?.close(1000);
    if (!this.#stream) return undefined;
    this.#delay = 0;
    return isHere() ? this.#watchHere() : this.#connect();
  }

  async #watchHere() {
    const stream = this.#stream;
    this.parts.headline.textContent = t("Starting…");
    try {
      const mien = await reader();
      if (this.#stream !== stream || !isHere() || this.#watch) return;
      this.#watch = mien.watch(this.parts.view, ({ faces, milliseconds }) => this.#seen(faces.toJSON(), milliseconds), optionsHere(mien));
      const watch = this.#watch;
      watch.ended.catch((error) => this.#watch === watch && this.stop(t("The faces could not be read"), error.message));
    } catch (error) {
      this.stop(t("The faces could not be read"), error.message);
    }
  }

  /** Says what becomes of the frames. */
  tellWhere() {
    if (this.running || !this.parts.reason.dataset.told) this.parts.reason.textContent = this.#promise();
  }

  #promise() {
    return isHere() ? t("The camera's pictures are read on this device, and stay here.") : t("The camera's pictures go to the server as they come, and are forgotten as soon as they are read.");
  }

  /** Turns everything off; says why, where it was not the user's wish. */
  stop(title = t("The camera is off"), reason = this.#promise()) {
    this.#end();
    this.#tell(title, reason);
  }

  get running() {
    return this.#stream !== null;
  }

  get mirrored() {
    return this.section.classList.contains("mirrored");
  }

  #end() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#socket?.close(1000);
    this.#watch?.stop();
    this.#socket = this.#watch = null;
    this.#last = null;
    this.view.clear();
  }

  #tell(title, reason) {
    this.parts.reason.dataset.told = "yes";
    this.parts.title.textContent = title;
    this.parts.reason.textContent = reason;
    this.parts.empty.hidden = false;
    this.parts.work.hidden = true;
  }

  async #listCameras(current) {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    this.parts.which.hidden = devices.length < 2;
    this.parts.cameras.replaceChildren(...devices.map(({ label, deviceId }, number) => new Option(label || t("Camera {number}", { number: number + 1 }), deviceId)));
    this.parts.cameras.value = current;
  }

  #connect() {
    const socket = openStream(settings.asked);
    this.#socket = socket;
    this.#sent.clear();
    this.#frame = 0;
    socket.onopen = () => (this.#pause = 500);
    socket.onmessage = ({ data }) => this.#answer(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (this.#socket !== socket) return;
      if (code === 1008) {
        console.info(reason);
        return this.stop(t("The server does not take the camera"), t("It wants another key, or other settings."));
      }
      const wait = this.#pause;
      this.#pause = Math.min(2 * this.#pause, 8000);
      this.view.clear();
      this.parts.headline.textContent = t(code === 1013 ? "The server is busy. Trying again…" : "The connection is lost. Trying again…");
      this.parts.figures.textContent = "";
      setTimeout(() => this.#socket === socket && this.#stream && this.#connect(), wait);
    };
  }

  /** Sends a frame whenever the camera has a new one and the server is not behind. */
  #follow() {
    const { view } = this.parts;
    const stream = this.#stream;
    const next = view.requestVideoFrameCallback ? (then) => view.requestVideoFrameCallback(then) : requestAnimationFrame;
    const each = () => {
      if (this.#stream !== stream) return;
      this.#send();
      next(each);
    };
    next(each);
  }

  #send() {
    const { view } = this.parts;
    const socket = this.#socket;
    if (this.#encoding || socket?.readyState !== WebSocket.OPEN || this.#sent.size >= ON_THE_WAY || !view.videoWidth) return;
    const scale = Math.min(1, LONGEST / Math.max(view.videoWidth, view.videoHeight));
    this.canvas.width = Math.round(view.videoWidth * scale);
    this.canvas.height = Math.round(view.videoHeight * scale);
    this.canvas.getContext("2d").drawImage(view, 0, 0, this.canvas.width, this.canvas.height);
    const taken = performance.now();
    this.#encoding = true;
    this.canvas.toBlob(
      (blob) => {
        this.#encoding = false;
        if (!blob || this.#socket !== socket || socket.readyState !== WebSocket.OPEN) return;
        this.#sent.set(this.#frame++, taken);
        socket.send(blob);
      },
      "image/jpeg",
      QUALITY,
    );
  }

  #answer({ frame, image, error }) {
    const now = performance.now();
    const taken = this.#sent.get(frame);
    for (const number of this.#sent.keys()) if (number <= frame) this.#sent.delete(number); // older ones were dropped
    if (error) return console.info(error.detail ?? error.title);
    return this.#seen(image, now - taken);
  }

  /** Shows the faces of a frame, which took so many milliseconds. */
  #seen(image, took) {
    const now = performance.now();
    this.#delay = this.#delay ? 0.9 * this.#delay + 0.1 * took : took;
    this.#answered = [...this.#answered.filter((time) => now - time < 2000), now];
    const faces = image.faces.filter(({ score }) => score >= settings.threshold);
    const portraits = now - this.#portrayed > PORTRAITS ? this.parts.view : null;
    if (portraits) this.#portrayed = now;
    this.#last = { ...image, faces };
    this.mood.add((now - this.began) / 1000, faces);
    this.section.querySelector('[data-act="session"]').disabled = this.mood.empty;
    this.view.show(this.#last, { mirrored: this.mirrored, portraits });
    this.parts.headline.textContent = faces.length ? counted(faces.length, "face") : t("No face in sight");
    const rate = (this.#answered.length - 1) / Math.max((now - this.#answered[0]) / 1000, 0.001);
    this.parts.figures.textContent = t("{rate} frames/s · {delay} ms", { rate: rate.toFixed(0), delay: this.#delay.toFixed(0) });
  }

  #mirror(on) {
    this.section.classList.toggle("mirrored", on);
    this.parts.work.querySelector('[data-act="mirror"]').setAttribute("aria-pressed", String(on));
    if (this.#last) this.view.show(this.#last, { mirrored: on });
  }

  async #countdown() {
    const { count } = this.parts;
    if (!count.hidden) return;
    const stream = this.#stream;
    count.hidden = false;
    for (let seconds = 3; seconds && this.#stream === stream; seconds -= 1) {
      count.textContent = seconds;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    count.hidden = true;
    if (this.#stream === stream) await this.#snapshot();
  }

  async #snapshot() {
    const { view } = this.parts;
    const faces = this.#last ?? { width: view.videoWidth, height: view.videoHeight, faces: [] };
    save(await annotated(view, faces, { mirrored: this.mirrored }), `mien-${stamp()}.png`);
  }
}
