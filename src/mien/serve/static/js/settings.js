// What the user chose: where faces are read, emotion set, detector, threshold, ... Kept in the browser; "change" tells of a new choice.

import { LANGUAGES, choose, language, t } from "./words.js";

const STORE = "mien.settings";
const DEFAULTS = { engine: "", accurate: false, labels: "", detector: "", threshold: 0, flip: false, order: "position" };
const SHOWN_ONLY = ["threshold", "order"]; // for these nothing is read again
const SETS = { ferplus: "What people see", fer2013: "The classic seven", affectnet: "AffectNet's eight" };
const DETECTORS = { whole: "None: the whole picture is one face", "mien-face": "mien-face", centerface: "CenterFace: slower", yunet: "YuNet" };

class Settings extends EventTarget {
  #values = { ...DEFAULTS };

  constructor() {
    super();
    try {
      Object.assign(this.#values, JSON.parse(localStorage.getItem(STORE)));
    } catch {
      // storage is switched off or holds something else; the defaults stand
    }
  }

  get threshold() {
    return Number(this.#values.threshold) || 0;
  }

  /** "server", or anything else for this device where the browser can. */
  get engine() {
    return this.#values.engine;
  }

  get accurate() {
    return this.#values.accurate === true;
  }

  get order() {
    return this.#values.order;
  }

  /** What is asked of the server. */
  get asked() {
    const { labels, detector, flip } = this.#values;
    return { labels, detector, ...(flip ? { flip: true } : {}) };
  }

  set(name, value) {
    this.#values[name] = value;
    try {
      localStorage.setItem(STORE, JSON.stringify(this.#values));
    } catch {
      // it holds until the page is closed
    }
    const change = new Event("change");
    change.of = name;
    change.asks = !SHOWN_ONLY.includes(name); // pictures must be read again
    this.dispatchEvent(change);
  }

  /** Follows what is chosen in the dialog. */
  bind(dialog) {
    this.dialog = dialog;
    const field = (name) => dialog.querySelector(`[name=${name}]`);
    const threshold = field("threshold");
    const shown = dialog.querySelector("output");
    const follow = () => (shown.value = `${Math.round(100 * threshold.value)} %`);
    threshold.value = this.threshold;
    follow();
    threshold.addEventListener("input", () => {
      follow();
      this.set("threshold", Number(threshold.value));
    });
    for (const name of ["flip", "accurate"]) {
      field(name).checked = this.#values[name];
      field(name).addEventListener("change", () => this.set(name, field(name).checked));
    }
    for (const name of ["labels", "detector"]) field(name).addEventListener("change", () => this.set(name, field(name).value));
    const tongue = field("language");
    tongue.replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)));
    tongue.value = language;
    tongue.addEventListener("change", () => choose(tongue.value));
    dialog.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());
  }

  /** Fills the dialog with what can be chosen where faces are read now. */
  offer({ heads, labels, detectors }) {
    const named = (name, emotions) => t("{set}: {count} emotions", { set: t(SETS[name] ?? name), count: emotions.length });
    this.#fill("labels", heads.map(({ name, emotions }) => new Option(named(name, emotions), name)), labels);
    this.#fill("detector", detectors.map((name) => new Option(t(DETECTORS[name] ?? name), name)), detectors[0]);
  }

  #fill(name, options, fallback) {
    const select = this.dialog.querySelector(`[name=${name}]`);
    select.replaceChildren(...options);
    select.value = this.#values[name];
    if (select.selectedIndex >= 0) return;
    this.#values[name] = ""; // another place offers other things
    select.value = fallback;
  }
}

export const settings = new Settings();
