// The panel for pictures: drop, paste, choose or sample; what was read is shown, stepped through and saved.

import { counted, droppable, h, listen, megabytes, parts } from "./dom.js";
import { annotated, csvOf, save, saveJson, shown, stem } from "./download.js";
import { FacesView } from "./faces.js";
import { connection, readPicture } from "./server.js";
import { settings } from "./settings.js";

const AT_ONCE = 2; // pictures on their way to the server

export class PicturePanel {
  #items = []; // {file, url, status: "waiting" | "reading" | "done" | "failed", answer, problem}
  #current = null;
  #reading = 0;

  constructor(section, { limits, complain, onVideo }) {
    this.parts = parts(section);
    this.limits = limits;
    this.complain = complain;
    this.onVideo = onVideo;
    this.view = new FacesView(this.parts.overlay, this.parts.faces);
    listen(section, {
      choose: () => this.parts.input.click(),
      sample: () => this.#sample(),
      clear: () => this.#clear(),
      "save-picture": () => this.#savePicture(),
      "save-json": () => this.#saveAll((document) => saveJson(document, `${this.#name()}.json`)),
      "save-csv": () => this.#saveAll((document) => save(csvOf(document), `${this.#name()}.csv`)),
    });
    this.parts.input.addEventListener("change", () => {
      this.add([...this.parts.input.files]);
      this.parts.input.value = ""; // the same file may be chosen again
    });
    droppable(section, (files) => this.add(files));
    settings.addEventListener("change", ({ asks }) => (asks ? this.#again() : this.#show()));
    connection.addEventListener("back", () => this.#again((item) => item.status === "failed" && item.problem.status === 0));
    new ResizeObserver(() => this.#show()).observe(this.parts.overlay);
  }

  /** Takes files; videos go where videos are read. */
  add(files) {
    const films = files.filter((file) => file.type.startsWith("video/"));
    if (films.length && films.length === files.length) return this.onVideo(films[0]);
    const { images: most, body_bytes: bytes } = this.limits;
    const added = files.filter((file) => !films.includes(file)).map((file) => ({ file, url: URL.createObjectURL(file), status: "waiting" }));
    for (const item of added) {
      if (bytes && item.file.size > bytes) this.#fail(item, `It has ${megabytes(item.file.size)}; the server takes up to ${megabytes(bytes)}. Make it smaller.`);
      else if (item.file.size === 0) this.#fail(item, "The file is empty. Choose another.");
    }
    if (!added.length) return;
    this.#items.push(...added);
    this.#select(added[0]);
    this.#work();
  }

  async #sample() {
    const answer = await fetch("static/sample.jpg").catch(() => null);
    if (!answer?.ok) return this.complain("The sample could not be fetched: the server does not answer.");
    this.add([new File([await answer.blob()], "sample.jpg", { type: "image/jpeg" })]);
  }

  /** Sends what waits, few at a time, the one that is looked at first. */
  #work() {
    while (this.#reading < AT_ONCE) {
      const waiting = this.#items.filter(({ status }) => status === "waiting");
      const item = waiting.includes(this.#current) ? this.#current : waiting[0];
      if (!item) break;
      this.#reading += 1;
      this.#read(item).finally(() => {
        this.#reading -= 1;
        this.#work();
      });
    }
    this.#show();
  }

  async #read(item) {
    item.status = "reading";
    item.stop = new AbortController();
    try {
      const answer = await readPicture(item.file, item.file.name, settings.asked, item.stop.signal);
      if (answer.errors.length) this.#fail(item, answer.errors[0].reason);
      else Object.assign(item, { status: "done", answer });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.#fail(item, problem.message, problem.status);
    }
    this.#show();
  }

  #fail(item, message, status) {
    Object.assign(item, { status: "failed", problem: { message, status } });
  }

  #again(which = ({ status }) => status !== "failed") {
    for (const item of this.#items.filter(which)) {
      item.stop?.abort();
      item.status = "waiting";
    }
    this.#work();
  }

  #clear() {
    for (const item of this.#items) {
      item.stop?.abort();
      URL.revokeObjectURL(item.url);
    }
    this.#items = [];
    this.#select(null);
    this.parts.empty.querySelector("button").focus();
  }

  #select(item) {
    this.#current = item;
    this.view.clear();
    this.parts.empty.hidden = item !== null;
    this.parts.work.hidden = item === null;
    if (item) {
      this.parts.image.src = item.url;
      this.parts.image.alt = item.file.name;
      this.parts.image.onload = () => this.#show(); // portraits are cut from it
    }
    this.#show();
  }

  #show() {
    const item = this.#current;
    if (!item) return;
    const { image, frame, veil, headline, hint } = this.parts;
    const found = item.status === "done" ? shown(item.answer.images[0]) : null;
    const [width, height] = found ? [found.width, found.height] : [image.naturalWidth || 3, image.naturalHeight || 2];
    frame.style.setProperty("--ratio", width / height);
    frame.hidden = item.status === "failed" && !image.naturalWidth;
    veil.hidden = item.status === "done" || item.status === "failed";
    if (found) this.view.show(found, { portraits: image.complete && image.naturalWidth ? image : null });
    else this.view.clear();
    const [head, more] = this.#words(item, found);
    if (headline.textContent !== head) headline.textContent = head;
    hint.textContent = more;
    hint.hidden = !more;
    this.#showStrip();
    const done = this.#items.some(({ status }) => status === "done");
    for (const name of ["picture", "json", "csv"]) this.#button(`save-${name}`).disabled = name === "picture" ? !found : !done;
  }

  #words(item, found) {
    if (item.status === "failed") return ["It could not be read", item.problem.message];
    if (!found) return ["Reading…", ""];
    if (found.faces.length) return [counted(found.faces.length, "face"), found.faces.length > 1 ? "Choose one to see all of its emotions." : ""];
    const hidden = item.answer.images[0].faces.length;
    if (hidden) return ["No face above the threshold", `${counted(hidden, "face")} below it: see Settings.`];
    return ["No face found", "Is it small, turned away, or cut off? The detector “whole” in Settings takes the picture as one face."];
  }

  #showStrip() {
    const { strip } = this.parts;
    strip.hidden = this.#items.length < 2;
    while (strip.children.length > this.#items.length) strip.lastChild.remove();
    this.#items.forEach((item, number) => {
      let button = strip.children[number]?.firstChild;
      if (!button) {
        button = h("button", {}, h("img", { alt: "", onerror: ({ target }) => target.removeAttribute("src") }), h("span"));
        strip.append(h("li", {}, button));
      }
      const [picture, mark] = button.children;
      if (button.dataset.of !== item.url) picture.src = button.dataset.of = item.url;
      const sign = { waiting: "…", reading: "…", failed: "!" };
      mark.textContent = sign[item.status] ?? shown(item.answer.images[0]).faces.length;
      button.onclick = () => this.#select(item);
      button.setAttribute("aria-label", `${item.file.name}: ${item.status === "done" ? counted(Number(mark.textContent), "face") : item.status}`);
      button.setAttribute("aria-current", String(item === this.#current));
    });
  }

  #button(name) {
    return this.parts.work.querySelector(`[data-act="${name}"]`);
  }

  #name() {
    return this.#items.length === 1 ? stem(this.#items[0].file.name) : "faces";
  }

  async #savePicture() {
    const item = this.#current;
    try {
      save(await annotated(this.parts.image, shown(item.answer.images[0])), `${stem(item.file.name)}-faces.png`);
    } catch (error) {
      this.complain(error.message);
    }
  }

  /** Everything that was read, as one document like that of `mien predict --json`. */
  #saveAll(write) {
    const done = this.#items.filter(({ status }) => status === "done");
    const failed = this.#items.filter(({ status }) => status === "failed");
    write({
      ...done[0].answer,
      images: done.flatMap(({ answer }) => answer.images.map(shown)),
      errors: failed.map(({ file, problem }) => ({ source: file.name, reason: problem.message })),
    });
  }
}
