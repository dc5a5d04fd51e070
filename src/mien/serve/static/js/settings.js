// What the user chose: labels, detector, threshold, flip, theme. Kept in the browser; "change" tells of a new choice.

const STORE = "mien.settings";
const DEFAULTS = { labels: "", detector: "", threshold: 0, flip: false };

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
    change.asks = name !== "threshold"; // the server must be asked again
    this.dispatchEvent(change);
  }

  /** Fills the dialog with what the server offers and follows what is chosen in it. */
  bind(dialog, { models, detectors, default: named }) {
    const model = models.find((one) => one.name === named) ?? models[0];
    const [labels, detector] = ["labels", "detector"].map((name) => dialog.querySelector(`[name=${name}]`));
    const words = { ferplus: "FER+", fer2013: "FER2013", affectnet: "AffectNet" };
    labels.replaceChildren(...model.heads.map(({ name, emotions }) => new Option(`${words[name] ?? name}: ${emotions.length} emotions`, name)));
    detector.replaceChildren(...detectors.map((name) => new Option(name)));
    this.#choose(labels, "labels", model.labels);
    this.#choose(detector, "detector", detectors[0]);
    const threshold = dialog.querySelector("[name=threshold]");
    const shown = dialog.querySelector("output");
    const follow = () => (shown.value = `${Math.round(100 * threshold.value)} %`);
    threshold.value = this.threshold;
    follow();
    threshold.addEventListener("input", () => {
      follow();
      this.set("threshold", Number(threshold.value));
    });
    const flip = dialog.querySelector("[name=flip]");
    flip.checked = this.#values.flip;
    flip.addEventListener("change", () => this.set("flip", flip.checked));
    dialog.querySelector("[data-act=close]").addEventListener("click", () => dialog.close());
  }

  #choose(select, name, fallback) {
    select.value = this.#values[name];
    if (select.selectedIndex < 0) {
      this.#values[name] = ""; // another server offers other things
      select.value = fallback;
    }
    select.addEventListener("change", () => this.set(name, select.value));
  }
}

export const settings = new Settings();
