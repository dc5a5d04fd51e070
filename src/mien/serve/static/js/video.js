// The panel for videos: an upload, a job that is followed, a player with boxes, a timeline that seeks it.

import { clock, h, listen, megabytes, parts, percent } from "./dom.js";
import { save, saveJson, shownRows, stem } from "./download.js";
import { UNCLEAR, paint } from "./emotions.js";
import { FacesView } from "./faces.js";
import { connection, sendVideo, unreadable, video } from "./server.js";
import { settings } from "./settings.js";
import { Timeline } from "./timeline.js";
import { counted, t } from "./words.js";

const POLL = 600; // milliseconds between two looks at a job
const MIN_SECONDS_SEEN = 0.5; // seconds; who is seen for less is left out beside the player
const PORTRAIT = 96; // pixels of a portrait's side, twice as many as it is shown with
const BOX = ["left", "top", "right", "bottom"];

export class VideoPanel {
  #file = null;
  #url = null;
  #job = null;
  #rows = [];
  #step = 0.1; // seconds between two frames that were looked at
  #stop = null;
  #timeline = null;
  #summary = null;

  constructor(section, { limits, complain, take }) {
    this.parts = parts(section);
    this.limits = limits;
    this.complain = complain;
    this.takeElsewhere = take;
    this.view = new FacesView(this.parts.overlay, null);
    this.allow();
    listen(section, {
      choose: () => this.parts.input.click(),
      cancel: () => this.#clear(),
      clear: () => this.#clear(),
      again: () => this.#again(),
      "full-screen": () => this.#fullScreen(),
      "save-csv": () => this.#save(async () => save(await shownRows(await video.csv(this.#job.id)), `${stem(this.#file.name)}.csv`)),
      "save-json": () => this.#save(async () => saveJson(await video.summary(this.#job.id), `${stem(this.#file.name)}-summary.json`)),
      "save-timeline": () => this.#save(async () => save(await video.timeline(this.#job.id), `${stem(this.#file.name)}-timeline.html`)),
    });
    this.parts.input.addEventListener("change", () => {
      this.add([...this.parts.input.files]);
      this.parts.input.value = "";
    });
    const player = this.parts.view;
    player.addEventListener("loadedmetadata", () => {
      this.parts.unplayable.hidden = player.videoWidth > 0; // sound alone is no picture
      if (player.videoWidth) this.parts.frame.style.setProperty("--ratio", player.videoWidth / player.videoHeight);
    });
    player.addEventListener("error", () => {
      if (!this.#url) return;
      this.parts.unplayable.hidden = false;
      this.parts.frame.hidden = true;
    });
    player.addEventListener("seeked", () => this.#draw());
    player.addEventListener("play", () => this.#follow());
    settings.addEventListener("change", ({ asks }) => {
      if (asks && this.#file) this.parts.again.hidden = false;
      this.#draw();
    });
    addEventListener("pagehide", () => this.#forget());
  }

  /** Says what the server takes, once it has told. */
  allow() {
    const { video_bytes: bytes, video_seconds: seconds } = this.limits;
    const most = [bytes && megabytes(bytes), seconds && t("{count} minutes", { count: Math.round(seconds / 60) })].filter(Boolean);
    const words = most.length ? t(", up to {most}", { most: most.join(t(" and ")) }) : "";
    this.parts.limits.textContent = `${t("Videos are read on the server")}${words}.`;
  }

  /** Takes the first video; pictures go where pictures are read. */
  add(files) {
    const pictures = files.filter((file) => file.type.startsWith("image/") && file.type !== "image/gif");
    if (pictures.length && pictures.length === files.length) return this.takeElsewhere(pictures);
    const file = files.find((one) => !pictures.includes(one));
    const bytes = this.limits.video_bytes;
    if (!file) return undefined;
    if (bytes && file.size > bytes) return this.complain(t("{name} has {size}; the server takes up to {most}. Cut it or make it smaller.", { name: file.name, size: megabytes(file.size), most: megabytes(bytes) }));
    this.#clear();
    return this.#read(file);
  }

  /** Fills the screen with the player and the boxes on it. */
  #fullScreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    return this.parts.theatre.requestFullscreen().catch(() => this.complain(t("This browser does not give the page the whole screen.")));
  }

  /** Reads the same video once more, with the settings as they are now. */
  #again() {
    const file = this.#file;
    this.#clear();
    return this.#read(file);
  }

  async #read(file) {
    this.parts.again.hidden = true;
    this.#file = file;
    this.#url = URL.createObjectURL(file);
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const { empty, work, view, frame, unplayable, headline } = this.parts;
    empty.hidden = true;
    work.hidden = false;
    frame.hidden = false;
    unplayable.hidden = true;
    view.src = this.#url;
    headline.textContent = t("Sending…");
    this.#savable(false);
    try {
      const job = await sendVideo(file, { labels: settings.asked.labels, detector: settings.asked.detector }, (share) => this.#advance(share, t("Sending, {share}", { share: percent(share) })), signal);
      if (signal.aborted) return await video.remove(job.id);
      this.#job = job;
      await this.#poll(signal);
    } catch (problem) {
      if (problem.name === "AbortError" || signal.aborted) return undefined;
      if (problem.status === 404 && this.#job) return this.#again(); // the server was started anew and has forgotten it
      this.#clear();
      this.complain(problem.message.startsWith(file.name) ? problem.message : `${file.name}: ${problem.message}`);
    }
    return undefined;
  }

  /** Follows the job until it ends; a server that is gone for a while is waited for. */
  async #poll(signal) {
    for (;;) {
      let rows;
      try {
        this.#job = await video.job(this.#job.id);
        rows = await video.rows(this.#job.id, this.#rows.length);
      } catch (problem) {
        if (signal.aborted) return;
        if (problem.status !== 0) throw problem;
        this.#advance(undefined, t("Waiting for the server…"));
        await new Promise((resolve) => connection.addEventListener("back", resolve, { once: true }));
        continue;
      }
      if (signal.aborted) return;
      this.#take(rows);
      const ended = !["queued", "running"].includes(this.#job.status);
      if (ended && !rows.rows.length) break;
      this.#tell();
      if (!rows.rows.length) await new Promise((resolve) => setTimeout(resolve, POLL));
    }
    await this.#finish();
  }

  #take({ labels, rows }) {
    this.#timeline ??= new Timeline(this.parts.timeline, labels.emotions, (time) => this.#seek(time));
    const taken = rows.map((row) => ({
      time: row.time,
      track: row.track,
      score: row.score,
      emotion: row.emotion,
      confidence: row.confidence,
      likeliest: labels.emotions.reduce((best, name) => (row[name] > row[best] ? name : best)),
      vote_share: row.vote_share,
      box: BOX.map((side) => row[side]),
      probabilities: labels.emotions.map((emotion) => row[emotion]),
    }));
    for (const row of taken) this.#rows.push(row);
    const { seconds, frames, duration } = this.#job;
    if (frames > 1 && seconds) this.#step = seconds / (frames - 1);
    this.#timeline.add(taken, duration, this.#step);
    this.#draw();
  }

  #tell() {
    const { status, progress, seconds, duration, faces } = this.#job;
    const time = clock(seconds ?? 0);
    const doing = duration ? t("Read {time} of {whole}", { time, whole: clock(duration) }) : t("Read {time}", { time });
    this.#advance(progress ?? undefined, status === "queued" ? t("Waiting for its turn") : doing);
    this.parts.headline.textContent = status === "queued" ? t("Waiting…") : t("Reading… {people} so far", { people: counted(faces, "person") });
  }

  async #finish() {
    const { status, error, notes } = this.#job;
    this.parts.advance.hidden = true;
    this.parts.notes.replaceChildren(...(notes ?? []).map((note) => h("li", { textContent: note })));
    if (status === "failed") {
      this.parts.headline.textContent = t("It could not be read");
      this.parts.notes.prepend(h("li", { textContent: unreadable("video", error?.detail ?? error?.title) }));
      return;
    }
    this.#summary = await video.summary(this.#job.id);
    const brief = this.#summary.people.filter(({ seen }) => seen < MIN_SECONDS_SEEN).length;
    const people = this.#summary.people.length > brief ? this.#summary.people.filter(({ seen }) => seen >= MIN_SECONDS_SEEN) : this.#summary.people;
    this.parts.headline.textContent = people.length ? counted(people.length, "person") : t("Nobody was seen");
    this.parts.faces.replaceChildren(...people.map((person) => this.#person(person)));
    this.#portray(people); // which takes its time
    this.#savable(true);
  }

  /** A card: shares of the time seen, and buttons to the strongest moments. */
  #person({ track, seen, shares, strongest }) {
    const bars = Object.entries(shares).filter(([, share]) => share >= 0.005).map(([emotion, share]) => {
      const bar = h("b");
      paint(bar, emotion);
      bar.classList.toggle("unclear", emotion === UNCLEAR);
      bar.style.transform = `scaleX(${share})`;
      return h("li", {}, h("span", {}, t(emotion === UNCLEAR ? "unclear" : emotion)), h("span", { className: "bar", ariaHidden: "true" }, bar), h("span", { className: "value" }, percent(share)));
    });
    const moments = strongest.slice(0, 4).map(({ time, emotion }) =>
      h("button", { onclick: () => this.#seek(time), ariaLabel: t("Person {number}, {emotion} at {time}", { number: track, emotion: t(emotion), time: clock(time) }) }, `${t(emotion)} ${clock(time)}`),
    );
    return h(
      "li",
      { className: "face open" },
      h("p", { className: "person" }, h("canvas", { className: "portrait", width: PORTRAIT, height: PORTRAIT, ariaHidden: "true", hidden: true }), h("b", { textContent: t("Person {number}", { number: track }) }), ` ${t("seen {seconds} s", { seconds: seen.toFixed(1) })}`),
      h("ul", { className: "bars" }, ...bars),
      h("div", { className: "moments row" }, ...moments),
    );
  }

  /** Cuts each person's portrait out of the film where the emotion is strongest; a film that the browser cannot play has none. */
  async #portray(people) {
    const { signal } = this.#stop;
    const film = h("video", { muted: true, preload: "auto", src: this.#url });
    const canvases = [...this.parts.faces.querySelectorAll(".portrait")];
    for (const [place, { track, strongest }] of people.entries()) {
      const rows = this.#rows.filter((row) => row.track === track);
      const wanted = strongest[0]?.time ?? rows[0]?.time;
      const row = rows.find(({ time }) => time >= wanted - 0.001);
      if (!row || !(await seeked(film, row.time)) || signal.aborted) break;
      const [left, top, right, bottom] = row.box;
      const side = 1.15 * Math.max(right - left, bottom - top);
      const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
      canvases[place].getContext("2d").drawImage(film, x, y, side, side, 0, 0, PORTRAIT, PORTRAIT);
      canvases[place].hidden = false;
    }
    film.removeAttribute("src");
    film.load();
  }

  #seek(time) {
    const { view } = this.parts;
    if (view.readyState) view.currentTime = Math.min(time, view.duration || time);
    this.#timeline?.at(time);
  }

  #follow() {
    const { view } = this.parts;
    const next = () => {
      this.#draw();
      if (!view.paused && !view.ended) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  /** Boxes for the time that the player shows; none where nobody was seen. */
  #draw() {
    const { view } = this.parts;
    if (!this.#file || !view.videoWidth) return;
    const time = view.currentTime;
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].time <= time + 0.001) low = middle + 1;
      else high = middle;
    }
    const latest = this.#rows[low - 1]?.time;
    const faces = [];
    if (latest !== undefined && time - latest < 1.5 * this.#step) {
      for (let at = low - 1; at >= 0 && this.#rows[at].time === latest; at -= 1) {
        if (this.#rows[at].score >= settings.threshold) faces.push(this.#rows[at]);
      }
    }
    this.view.show({ width: view.videoWidth, height: view.videoHeight, faces });
    this.#timeline?.at(time);
  }

  #advance(share, words) {
    this.parts.advance.hidden = false;
    if (share === undefined) this.parts.progress.removeAttribute("value");
    else this.parts.progress.value = share;
    this.parts.doing.textContent = words;
  }

  #savable(on) {
    for (const button of this.parts.work.querySelectorAll('[data-act^="save"]')) button.disabled = !on;
  }

  async #save(work) {
    try {
      await work();
    } catch (problem) {
      this.complain(problem.message);
    }
  }

  /** Ends what goes on and lets the server forget it. */
  #forget() {
    this.#stop?.abort();
    if (this.#job) video.remove(this.#job.id).catch(() => {}); // it may be gone already
    this.#job = null;
  }

  #clear() {
    this.#forget();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#file = this.#url = this.#timeline = this.#summary = null;
    this.#rows = [];
    this.parts.view.removeAttribute("src");
    this.parts.view.load();
    this.view.clear();
    for (const name of ["faces", "notes", "timeline"]) this.parts[name].replaceChildren();
    this.parts.empty.hidden = false;
    this.parts.work.hidden = true;
  }
}

/** Moves a film to a time; whether its picture is there. */
function seeked(film, time) {
  return new Promise((resolve) => {
    film.onerror = () => resolve(false);
    film.onseeked = () => resolve(film.videoWidth > 0);
    film.currentTime = time;
  });
}
