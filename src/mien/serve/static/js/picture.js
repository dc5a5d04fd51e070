// The panel for pictures: drop, paste, choose, take or try one; what was read is shown, stepped through and saved.

import { codeIsOf, showCode } from "./code.js";
import { h, listen, megabytes, parts } from "./dom.js";
import { annotated, csvOf, save, saveJson, shown, stem } from "./download.js";
import { isHere, readPicture } from "./engine.js";
import { FacesView } from "./faces.js";
import { forget, forgetAll, keep, keptFiles } from "./kept.js";
import { report } from "./report.js";
import { connection, unreadable } from "./server.js";
import { settings } from "./settings.js";
import { Summary, arranged } from "./summary.js";
import { counted, t } from "./words.js";
import { zip } from "./zip.js";

const AT_ONCE = 2; // pictures that are read or on their way to the server

export class PicturePanel {
  #items = []; // {file, url, status: "waiting" | "reading" | "done" | "failed", answer, problem}
  #current = null;
  #reading = 0;

  constructor(section, { limits, complain, take }) {
    this.parts = parts(section);
    this.limits = limits;
    this.complain = complain;
    this.takeElsewhere = take;
    this.view = new FacesView(this.parts.overlay, this.parts.faces, { fold: true });
    this.summary = new Summary(this.parts, () => this.#show());
    listen(section, {
      choose: () => this.parts.input.click(),
      photo: () => this.parts.photo.click(),
      portrait: () => this.#example("portrait.jpg"),
      sample: () => this.#example("sample.jpg"),
      clear: () => this.#clear(),
      remove: () => this.#remove(this.#current),
      code: () => showCode(document.getElementById("code")),
      "save-zip": () => this.#saveZip(),
      "save-report": () => this.#saveReport(),
      "save-picture": () => this.#savePicture(),
      "save-json": () => this.#saveAll((document) => saveJson(document, `${this.#name()}.json`)),
      "save-csv": () => this.#saveAll((document) => save(csvOf(document), `${this.#name()}.csv`)),
    });
    for (const input of [this.parts.input, this.parts.photo]) {
      input.addEventListener("change", () => {
        this.add([...input.files]);
        input.value = ""; // the same file may be chosen again
      });
    }
    this.allow();
    settings.addEventListener("change", ({ asks }) => (asks ? this.#again() : this.#show()));
    connection.addEventListener("back", () => this.#again((item) => item.status === "failed" && item.problem.status === 0));
    new ResizeObserver(() => this.#show()).observe(this.parts.overlay);
  }

  /** Says what may be chosen, once the server has told. */
  allow() {
    const bytes = !isHere() && this.limits.body_bytes;
    this.parts.limits.textContent = bytes ? t(", up to {most} each", { most: megabytes(bytes) }) : "";
  }

  /** Takes files; videos go where videos are read. */
  add(files) {
    const films = files.filter((file) => file.type.startsWith("video/"));
    if (films.length && films.length === files.length) return this.takeElsewhere(films);
    const bytes = !isHere() && this.limits.body_bytes;
    const added = files.filter((file) => !films.includes(file)).map((file) => ({ file, url: URL.createObjectURL(file), status: "waiting" }));
    for (const item of added) item.key = keep(item.file);
    return this.#take(added, bytes);
  }

  /** Shows the pictures that are kept from before. */
  async restore() {
    const found = await keptFiles();
    if (this.#items.length) return;
    this.#take(found.map(({ key, file }) => ({ file, key: Promise.resolve(key), url: URL.createObjectURL(file), status: "waiting" })));
  }

  #take(added, bytes) {
    for (const item of added) {
      if (bytes && item.file.size > bytes) this.#fail(item, t("It has {size}; the server takes up to {most}. Make it smaller.", { size: megabytes(item.file.size), most: megabytes(bytes) }));
      else if (item.file.size === 0) this.#fail(item, t("The file is empty. Choose another."));
    }
    if (!added.length) return;
    this.#items.push(...added);
    this.#select(added[0]);
    this.#work();
  }

  async #example(name) {
    const answer = await fetch(`static/${name}`).catch(() => null);
    if (!answer?.ok) return this.complain(t("The example could not be fetched. Check the connection."));
    return this.add([new File([await answer.blob()], name, { type: "image/jpeg" })]);
  }

  /** Reads what waits, few at a time, the one that is looked at first. */
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
      const answer = await readPicture(item.file, item.file.name, item.stop.signal);
      if (answer.errors.length) this.#fail(item, unreadable("picture", answer.errors[0].reason));
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
    forgetAll();
    for (const item of this.#items) {
      item.stop?.abort();
      URL.revokeObjectURL(item.url);
    }
    this.#items = [];
    this.#select(null);
    this.parts.empty.querySelector("button").focus();
  }

  #remove(item) {
    item.key.then(forget);
    item.stop?.abort();
    URL.revokeObjectURL(item.url);
    const at = this.#items.indexOf(item);
    this.#items.splice(at, 1);
    this.#select(this.#items[Math.min(at, this.#items.length - 1)] ?? null);
    (this.#current ? this.parts.strip : this.parts.empty).querySelector("button").focus();
  }

  #select(item) {
    this.#current = item;
    this.view.clear();
    this.summary.clear();
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
    if (found) {
      codeIsOf(item.file.name);
      this.summary.show(found.faces);
      const faces = arranged(found.faces).filter((face) => this.summary.shows(face));
      this.view.show({ ...found, faces }, { portraits: image.complete && image.naturalWidth ? image : null });
    } else {
      this.view.clear();
      this.summary.clear();
    }
    const [head, more] = this.#words(item, found);
    if (headline.textContent !== head) headline.textContent = head;
    hint.textContent = more;
    hint.hidden = !more;
    this.#showStrip();
    const done = this.#items.some(({ status }) => status === "done");
    this.#button("save-zip").hidden = this.#button("remove").hidden = this.#items.length < 2;
    this.#button("save-zip").disabled = this.#button("save-report").disabled = !done;
    for (const name of ["picture", "json", "csv"]) this.#button(`save-${name}`).disabled = name === "picture" ? !found : !done;
  }

  #words(item, found) {
    if (item.status === "failed") return [t("It could not be read"), item.problem.message];
    if (!found) return [t("Reading…"), ""];
    if (found.faces.length) return [counted(found.faces.length, "face"), ""];
    const hidden = item.answer.images[0].faces.length;
    if (hidden) return [t("No face is clear enough"), t("{faces} less clear than the settings ask for.", { faces: counted(hidden, "face") })];
    return [t("No face found"), t("Is it small, turned away, or cut off? In the settings the whole picture can be taken as one face.")];
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
      button.setAttribute("aria-label", `${item.file.name}: ${item.status === "done" ? counted(Number(mark.textContent), "face") : t(item.status)}`);
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

  /** The pictures that were read, as `{name, image, found}`, each face with its number. */
  #whatWasRead() {
    const done = this.#items.filter(({ status }) => status === "done");
    return Promise.all(done.map(async ({ file, url, answer }) => {
      const image = h("img", { src: url });
      await image.decode();
      const found = shown(answer.images[0]);
      return { name: file.name, image, found: { ...found, faces: arranged(found.faces) } };
    }));
  }

  /** Every picture that was read, with its boxes and captions, in one archive. */
  async #saveZip() {
    const files = {};
    try {
      for (const { name, image, found } of await this.#whatWasRead()) {
        const taken = Object.keys(files).filter((other) => other.startsWith(`${stem(name)}-faces`)).length;
        files[`${stem(name)}-faces${taken ? `-${taken + 1}` : ""}.png`] = await annotated(image, found);
      }
      save(await zip(files), "faces.zip");
    } catch (error) {
      this.complain(error.message);
    }
  }

  async #saveReport() {
    try {
      save(await report(await this.#whatWasRead(), document.getElementById("about").textContent), `${this.#name()}-report.html`);
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
