// The timeline: a lane per person, the stack of probabilities over time with a strip of the reported emotion below it.
// Pressing, dragging or the arrow keys seek.

import { clock, h, percent } from "./dom.js";
import { UNCLEAR, colorOf, paint } from "./emotions.js";
import { t } from "./words.js";

const MIN_SECONDS_SEEN = 0.5; // seconds; who is seen for less is a passer-by, as in `mien video`
const LANES = 6; // more are shown when asked for
const STRIP = 0.22; // share of a lane's height
const STEP = 1; // seconds that an arrow key moves
const MARKS = 8; // most marks of time under the lanes
const MARK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]; // seconds
const TOLD = 3; // emotions that are told under the pointer

export class Timeline {
  #people = new Map(); // track -> {rows, seen}
  #lanes = new Map(); // track -> {element, canvas, now, plot}
  #all = false;
  #due = false;

  /** `seek` takes seconds. */
  constructor(element, emotions, seek) {
    this.emotions = emotions;
    this.seek = seek;
    this.duration = 0;
    this.time = 0;
    this.step = 0.1; // seconds from one frame that was looked at to the next
    this.lanes = h("div", { className: "timeline" });
    this.more = h("button", { className: "quiet", hidden: true, onclick: () => this.#showAll() });
    this.legend = h("p", { className: "legend", hidden: true }, ...emotions.map((emotion) => {
      const mark = h("b");
      paint(mark, emotion);
      return h("span", {}, mark, t(emotion));
    }), h("span", {}, h("b", { className: "unclear" }), t("unclear")));
    this.axis = h("div", { className: "axis" });
    this.axis.setAttribute("aria-hidden", "true");
    this.told = h("p", { className: "told", hidden: true });
    element.replaceChildren(this.lanes, this.axis, this.more, this.legend, this.told);
    this.watch = new ResizeObserver(() => this.#draw());
    this.watch.observe(element);
  }

  /** Takes more rows, `{time, track, emotion, probabilities}`, in the order of time. */
  add(rows, duration, step) {
    this.duration = Math.max(duration ?? 0, rows.at(-1)?.time ?? 0, this.duration);
    this.step = step;
    for (const row of rows) {
      const person = this.#people.get(row.track) ?? { rows: [], seen: 0 };
      this.#people.set(row.track, person);
      person.seen += Math.min(row.time - (person.rows.at(-1)?.time ?? row.time), 3 * step);
      person.rows.push(row);
    }
    this.#draw();
  }

  /** Moves the line that marks the time. */
  at(time) {
    this.time = time;
    for (const { now, plot } of this.#lanes.values()) {
      now.style.left = `${(100 * time) / (this.duration || 1)}%`;
      plot.setAttribute("aria-valuenow", time.toFixed(1));
      plot.setAttribute("aria-valuetext", clock(time));
    }
  }

  #showAll() {
    this.#all = true;
    this.#draw();
  }

  #draw() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      const present = [...this.#people].filter(([, { seen }]) => seen >= MIN_SECONDS_SEEN);
      const people = present.length ? present : [...this.#people];
      const longest = [...people].sort(([, a], [, b]) => b.seen - a.seen).slice(0, this.#all ? undefined : LANES);
      for (const [track, person] of longest) this.#drawLane(this.#lane(track), track, person);
      for (const [track, { element }] of this.#lanes) element.hidden = !longest.some(([shown]) => shown === track);
      this.more.hidden = longest.length === people.length;
      this.more.textContent = t("Show {count} more", { count: people.length - longest.length });
      this.legend.hidden = people.length === 0;
      this.#mark();
      this.at(this.time);
    });
  }

  /** Marks of time under the lanes. */
  #mark() {
    const step = MARK_STEPS.find((seconds) => this.duration / seconds <= MARKS) ?? MARK_STEPS.at(-1);
    const times = Array.from({ length: Math.floor(this.duration / step) + 1 }, (_, number) => number * step);
    this.axis.replaceChildren(...times.map((time) => {
      const mark = h("span", { textContent: clock(time) });
      mark.style.left = `${(100 * time) / (this.duration || 1)}%`;
      return mark;
    }));
  }

  /** Tells the time and the likeliest emotions where the pointer is. */
  #tell(person, time, { clientX, clientY }) {
    const row = person.rows.reduce((best, one) => (Math.abs(one.time - time) < Math.abs(best.time - time) ? one : best));
    const near = Math.abs(row.time - time) <= 2 * this.step;
    const shares = near ? this.emotions.map((emotion, column) => [emotion, row.probabilities[column]]).sort((one, other) => other[1] - one[1]).slice(0, TOLD) : [];
    const words = near ? shares.map(([emotion, share]) => `${t(emotion)} ${percent(share)}`).join(", ") : t("not in sight");
    this.told.textContent = `${clock(time)}: ${words}`;
    this.told.hidden = false;
    const { offsetWidth: width } = this.told;
    this.told.style.left = `${Math.max(8, Math.min(clientX - width / 2, innerWidth - width - 8))}px`;
    this.told.style.top = `${clientY - 44}px`;
  }

  #lane(track) {
    if (this.#lanes.has(track)) return this.#lanes.get(track);
    const canvas = h("canvas");
    const now = h("div", { className: "now" });
    const seen = h("span");
    const plot = h("div", { className: "plot", tabIndex: 0, role: "slider", ariaLabel: t("Time, person {number}", { number: track }), ariaValueMin: "0" }, canvas, now);
    const element = h("div", { className: "lane" }, h("p", { className: "name" }, h("b", { textContent: t("Person {number}", { number: track }) }), seen), plot);
    const seekTo = ({ clientX }) => {
      const { left, width } = plot.getBoundingClientRect();
      this.seek(Math.min(Math.max((clientX - left) / width, 0), 1) * this.duration);
    };
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      seekTo(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (event.buttons) seekTo(event);
      const { left, width } = plot.getBoundingClientRect();
      this.#tell(this.#people.get(track), ((event.clientX - left) / width) * this.duration, event);
    });
    plot.addEventListener("pointerleave", () => (this.told.hidden = true));
    plot.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: this.time - STEP, ArrowRight: this.time + STEP, Home: 0, End: this.duration }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.seek(Math.min(Math.max(to, 0), this.duration));
    });
    const lane = { element, canvas, now, seen, plot };
    this.#lanes.set(track, lane);
    this.lanes.append(element);
    return lane;
  }

  #drawLane({ canvas, seen, plot }, track, person) {
    seen.textContent = t("seen {seconds} s", { seconds: person.seen.toFixed(1) });
    plot.setAttribute("aria-valuemax", this.duration.toFixed(1));
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(plot.clientWidth * ratio);
    canvas.height = Math.round(plot.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const strip = Math.round(canvas.height * STRIP);
    const hatch = hatching(pen, ratio);
    const stack = canvas.height - strip - 1;
    for (const { from, to, shares, emotion } of this.#columns(person.rows, canvas.width)) {
      let y = stack;
      this.emotions.forEach((name, column) => {
        const high = shares[column] * stack;
        pen.fillStyle = colorOf(name);
        pen.fillRect(from, y - high, to - from, high + 0.5);
        y -= high;
      });
      pen.fillStyle = emotion === UNCLEAR ? hatch : colorOf(emotion);
      pen.fillRect(from, stack + 1, to - from, strip);
    }
  }

  /** A person's rows as columns of pixels: means of the probabilities, and the emotion that was reported last. */
  *#columns(rows, width) {
    const pixel = (time) => (time / (this.duration || 1)) * width;
    let at = 0;
    while (at < rows.length) {
      const from = Math.floor(pixel(rows[at].time));
      const sums = this.emotions.map(() => 0);
      const first = at;
      while (at < rows.length && Math.floor(pixel(rows[at].time)) === from) {
        rows[at].probabilities.forEach((share, column) => (sums[column] += share));
        at += 1;
      }
      const last = rows[at - 1];
      const next = rows[at]?.time ?? Infinity;
      const until = next - last.time <= 3 * this.step ? next : last.time + this.step; // a gap is left empty
      yield { from, to: Math.max(Math.ceil(pixel(until)), from + 1), shares: sums.map((sum) => sum / (at - first)), emotion: last.emotion };
    }
  }
}

/** Diagonal stripes, for what is unclear. */
function hatching(pen, ratio) {
  const side = Math.round(6 * ratio);
  const tile = h("canvas", { width: side, height: side });
  const brush = tile.getContext("2d");
  brush.strokeStyle = getComputedStyle(document.body).color; // gray is neutral's
  brush.lineWidth = 1.5 * ratio;
  for (const shift of [-side, 0, side]) {
    brush.moveTo(shift, side);
    brush.lineTo(shift + side, 0);
  }
  brush.stroke();
  return pen.createPattern(tile, "repeat");
}
