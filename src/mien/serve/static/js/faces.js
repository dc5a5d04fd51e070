// Faces as they are shown everywhere: boxes on what is looked at, and cards with bars beside it, each lighting the other.

import { h, percent } from "./dom.js";
import { likeliest, nameOf, paint, paintFace, titleOf } from "./emotions.js";
import { t } from "./words.js";

const NARROW = 56; // pixels on the screen; on smaller boxes the tag shows only when asked for
const TINY = 24; // on smaller ones not even the number shows, which would cover other faces
const LEAST = 0.005; // probabilities below are folded into one line, where lines are folded
const PORTRAIT = 96; // pixels of a portrait's side, twice as many as it is shown with

/** One card. Its elements are kept and changed, so that live bars glide. */
class Card {
  constructor(view, key) {
    this.portrait = h("canvas", { className: "portrait", width: PORTRAIT, height: PORTRAIT });
    this.portrait.setAttribute("aria-hidden", "true");
    this.who = h("span", { className: "who" });
    this.emotion = document.createTextNode("");
    this.sureness = h("i");
    const what = h("span", { className: "what" }, this.emotion, " ", this.sureness);
    this.button = h("button", { onclick: () => view.choose(key) }, this.portrait, h("span", {}, this.who, what));
    this.bars = h("ul", { className: "bars" });
    this.rest = h("li", { className: "rest" });
    this.fold = view.fold;
    this.seen = h("p", { className: "seen" });
    this.others = h("p", { className: "others" });
    this.element = h("li", { className: "face" }, this.button, this.bars, this.seen, this.others);
    this.element.addEventListener("pointerenter", () => view.light(key));
    this.element.addEventListener("pointerleave", () => view.light(null));
    this.rows = new Map();
  }

  update(name, face) {
    this.who.textContent = name;
    this.emotion.data = nameOf(face);
    this.sureness.textContent = percent(face.confidence);
    paintFace(this.element, face);
    const emotions = Object.entries(face.probabilities);
    if (emotions.some(([emotion]) => !this.rows.has(emotion)) || emotions.length !== this.rows.size) this.#makeBars(emotions);
    for (const [emotion, share] of emotions) {
      const { bar, value } = this.rows.get(emotion);
      bar.style.transform = `scaleX(${share})`;
      value.textContent = percent(share);
      bar.closest("li").hidden = this.fold && share < LEAST;
    }
    const folded = this.fold ? emotions.filter(([, share]) => share < LEAST).map(([emotion]) => emotion) : [];
    this.rest.hidden = !folded.length;
    this.rest.textContent = t("under 1 %: {names}", { names: folded.map((emotion) => t(emotion)).join(", ") });
    const others = face.emotion_set?.length > 1 ? face.emotion_set : null;
    this.others.hidden = !others;
    if (others) this.others.textContent = t("In nine of ten cases it is one of these: {names}.", { names: others.map((emotion) => t(emotion)).join(", ") });
    this.seen.hidden = face.vote_share === null;
    this.seen.textContent = t("About {count} of 100 people would say “{emotion}”.", { count: Math.round(100 * (face.vote_share ?? 0)), emotion: t(likeliest(face)) });
  }

  #makeBars(emotions) {
    this.rows.clear();
    const lines = emotions.map(([emotion]) => {
      const bar = h("b");
      const value = h("span", { className: "value" });
      paint(bar, emotion);
      this.rows.set(emotion, { bar, value });
      return h("li", {}, h("span", {}, t(emotion)), h("span", { className: "bar", ariaHidden: "true" }, bar), value);
    });
    this.bars.replaceChildren(...lines, this.rest);
  }

  /** The face out of its picture, as a portrait. */
  look(picture, [left, top, right, bottom], width) {
    const scale = (picture.videoWidth || picture.naturalWidth || picture.width) / width;
    const side = 1.15 * Math.max(right - left, bottom - top);
    const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
    const pen = this.portrait.getContext("2d");
    pen.clearRect(0, 0, PORTRAIT, PORTRAIT);
    pen.drawImage(picture, x * scale, y * scale, side * scale, side * scale, 0, 0, PORTRAIT, PORTRAIT);
  }
}

/** The boxes in `overlay` and the cards in `list`. */
export class FacesView {
  #boxes = new Map();
  #cards = new Map();
  #chosen = null;

  /** fold: emotions of nearly no probability share one line; for pictures, since lines that come and go disturb in a film. */
  constructor(overlay, list, { fold = false } = {}) {
    this.overlay = overlay;
    this.list = list;
    this.fold = fold;
    if (list) overlay.setAttribute("aria-hidden", "true"); // the cards tell the same
    list?.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** Arrows walk through the cards, Escape closes the open one. */
  #walk(event) {
    const buttons = [...this.#cards.values()].map(({ button }) => button).sort((one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0) return;
    if (event.key === "Escape" && this.#chosen) this.choose(this.#chosen);
    else if (to !== undefined) buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
    else return;
    event.preventDefault();
  }

  clear() {
    this.#boxes.clear();
    this.#cards.clear();
    this.#chosen = null;
    this.overlay.replaceChildren();
    this.list?.replaceChildren();
  }

  /**
   * Shows the faces of one picture, `{width, height, faces}` as the server tells them.
   * mirrored: the picture is shown as in a mirror. portraits: what portraits are cut from, or null to leave them.
   */
  show({ width, height, faces }, { mirrored = false, portraits = null } = {}) {
    const keys = faces.map((face, number) => (face.track === null ? t("Face {number}", { number: face.number ?? number + 1 }) : t("Person {number}", { number: face.track })));
    for (const shown of [this.#boxes, this.#cards]) {
      for (const [key, { element }] of shown) {
        if (keys.includes(key)) continue;
        element.remove();
        shown.delete(key);
      }
    }
    if (!keys.includes(this.#chosen)) this.#chosen = null;
    const screen = this.overlay.clientWidth / width;
    const lonely = faces.length === 1 && !this.#cards.has(keys[0]);
    faces.forEach((face, number) => {
      const key = keys[number];
      this.#box(key, face, { width, height, mirrored, screen, alone: faces.length });
      if (this.list) this.#card(key, face, portraits, width);
    });
    if (this.list) keys.forEach((key, place) => this.#place(this.#cards.get(key).element, place));
    if (lonely && this.list) this.choose(keys[0], true); // nobody needs to ask for the only one
  }

  #box(key, face, { width, height, mirrored, screen, alone }) {
    let box = this.#boxes.get(key);
    if (!box) {
      const tag = h("span", { className: "tag" });
      const element = h("button", { onclick: () => this.choose(key) }, tag);
      element.addEventListener("pointerenter", () => this.light(key));
      element.addEventListener("pointerleave", () => this.light(null));
      element.addEventListener("focus", () => this.light(key));
      element.addEventListener("blur", () => this.light(null));
      element.setAttribute("aria-pressed", "false");
      if (this.list) element.tabIndex = -1; // the cards are the keyboard's way to the faces
      box = { element, tag };
      this.#boxes.set(key, box);
      this.overlay.append(element);
    }
    const [left, top, right, bottom] = mirrored ? [width - face.box[2], face.box[1], width - face.box[0], face.box[3]] : face.box;
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    const [x, y] = [within(left, width), within(top, height)];
    Object.assign(box.element.style, {
      left: `${(100 * x) / width}%`,
      top: `${(100 * y) / height}%`,
      width: `${(100 * (within(right, width) - x)) / width}%`,
      height: `${(100 * (within(bottom, height) - y)) / height}%`,
    });
    box.element.classList.toggle("narrow", (right - left) * screen < NARROW);
    box.element.classList.toggle("tiny", (right - left) * screen < TINY);
    box.tag.classList.toggle("below", top * screen < 24);
    box.tag.classList.toggle("leftward", (width - left) * screen < 140);
    box.tag.replaceChildren(...(face.number && alone > 1 ? [h("b", { textContent: face.number }), " "] : []), h("span", { textContent: titleOf(face) }));
    box.element.setAttribute("aria-label", `${key}: ${nameOf(face)}, ${percent(face.confidence)}`);
    paintFace(box.element, face);
  }

  /** Puts a card where its face stands in the order; one that is there already keeps its focus and its motion. */
  #place(element, place) {
    if (this.list.children[place] !== element) this.list.insertBefore(element, this.list.children[place] ?? null);
  }

  #card(key, face, portraits, width) {
    let card = this.#cards.get(key);
    if (!card) {
      card = new Card(this, key);
      this.#cards.set(key, card);
      card.button.setAttribute("aria-expanded", "false");
    }
    card.update(key, face);
    if (portraits) card.look(portraits, face.box, width);
  }

  /** Opens a face's card and marks its box; the same once more closes it. */
  choose(key, only = false) {
    this.#chosen = this.#chosen === key && !only ? null : key;
    for (const [name, { element }] of this.#boxes) element.setAttribute("aria-pressed", String(name === this.#chosen));
    for (const [name, { element, button }] of this.#cards) {
      const open = name === this.#chosen;
      element.classList.toggle("open", open);
      element.classList.toggle("chosen", open);
      button.setAttribute("aria-expanded", String(open));
      if (open && !only) element.scrollIntoView({ block: "nearest" });
    }
  }

  light(key) {
    for (const shown of [this.#boxes, this.#cards]) {
      for (const [name, { element }] of shown) element.classList.toggle("lit", name === key);
    }
  }
}
