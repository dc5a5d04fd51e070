// The camera's last minute: the emotions of everybody in sight over time, and the session's rows to take away.

import { isUnclear, likeliest, colorOf } from "./emotions.js";
import { t } from "./words.js";

const SECONDS = 60; // that are shown
const STEP = 0.2; // seconds from one column, and from one row of a face, to the next
const LONGEST = 1; // seconds that a column may stand for, where frames come seldom
const STRIP = 0.22; // share of the height for the likeliest emotion
const MOST = 100_000; // rows that are kept; the oldest go first

export class Mood {
  #columns = []; // {time, shares: {emotion: share}, emotion, unclear}
  #rows = [];
  #last = -Infinity;

  constructor(canvas) {
    this.canvas = canvas;
  }

  clear() {
    this.#columns = [];
    this.#rows = [];
    this.#last = -Infinity;
    this.#draw(0);
  }

  /** Whether there is something to take away. */
  get empty() {
    return this.#rows.length === 0;
  }

  /** Takes the faces of a moment, in seconds since the camera was turned on. */
  add(time, faces) {
    if (time - this.#last < STEP) return;
    this.#last = time;
    const shares = {};
    for (const { probabilities } of faces) {
      for (const [emotion, share] of Object.entries(probabilities)) shares[emotion] = (shares[emotion] ?? 0) + share / faces.length;
    }
    const [largest] = [...faces].sort((one, other) => other.confidence - one.confidence);
    this.#columns.push({ time, shares, emotion: largest && likeliest(largest), unclear: largest && isUnclear(largest) });
    this.#columns = this.#columns.filter((column) => time - column.time <= SECONDS);
    for (const face of faces) this.#rows.push({ time, ...face });
    if (this.#rows.length > MOST) this.#rows.splice(0, this.#rows.length - MOST);
    this.#draw(time);
  }

  #draw(now) {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const room = height * (1 - STRIP);
    const seen = new Map();
    const place = (time) => width * (1 - (now - time) / SECONDS);
    this.#columns.forEach(({ time, shares, emotion, unclear }, number) => {
      const before = this.#columns[number - 1]?.time ?? time - STEP;
      const x = place(Math.max(before, time - LONGEST));
      const breadth = place(time) - x + 1;
      let y = room;
      for (const [name, share] of Object.entries(shares)) {
        pen.fillStyle = colorOf(name);
        pen.fillRect(x, y - share * room, breadth, share * room);
        y -= share * room;
      }
      if (!emotion) return;
      pen.globalAlpha = unclear ? 0.4 : 1;
      pen.fillStyle = colorOf(emotion);
      pen.fillRect(x, room + 3, breadth, height - room - 3);
      pen.globalAlpha = 1;
      seen.set(emotion, (seen.get(emotion) ?? 0) + 1);
    });
    const [most] = [...seen].sort((one, other) => other[1] - one[1]);
    canvas.setAttribute("aria-label", most ? t("The last minute: mostly {emotion}", { emotion: t(most[0]) }) : t("The last minute: nobody in sight"));
  }

  /** The session as a table, one row per face, five a second at most. */
  csv() {
    const emotions = Object.keys(this.#rows[0].probabilities);
    const head = ["time", "track", "left", "top", "right", "bottom", "score", "emotion", "confidence", "vote_share", ...emotions];
    const lines = this.#rows.map(({ time, track, box, score, emotion, confidence, vote_share: share, probabilities }) =>
      [time.toFixed(2), track, ...box, score, emotion, confidence, share ?? "", ...emotions.map((name) => probabilities[name] ?? "")].join(","),
    );
    return new Blob([`${[head.join(","), ...lines].join("\n")}\n`], { type: "text/csv" });
  }
}
