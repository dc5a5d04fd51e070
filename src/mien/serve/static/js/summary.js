// What a picture's faces say together: one bar, how many of each emotion, which of them are shown and in which order.

import { h } from "./dom.js";
import { isUnclear, likeliest, paint } from "./emotions.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

const UNCLEAR = "unclear";

/** What a face is counted as. */
export const groupOf = (face) => (isUnclear(face) ? UNCLEAR : likeliest(face));

const across = ({ box }) => box[0] + box[2];
const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
const ORDERS = {
  position: (one, other) => one.number - other.number,
  size: (one, other) => area(other) - area(one),
  sureness: (one, other) => other.confidence - one.confidence,
  emotion: (one, other) => groupOf(one).localeCompare(groupOf(other)) || other.confidence - one.confidence,
};

/** The faces in rows from above, and from left to right in each: a face is in a row where its middle is beside its first one. */
function inRows(faces) {
  const rows = [];
  for (const face of [...faces].sort((one, other) => one.box[1] + one.box[3] - other.box[1] - other.box[3])) {
    const row = rows.at(-1);
    const middle = (face.box[1] + face.box[3]) / 2;
    if (row && middle < row[0].box[3]) row.push(face);
    else rows.push([face]);
  }
  return rows.flatMap((row) => row.sort((one, other) => across(one) - across(other)));
}

/** The faces with their numbers, from left to right and row by row, in the order that was chosen. */
export function arranged(faces) {
  const numbered = inRows(faces).map((face, place) => ({ ...face, number: place + 1 }));
  return numbered.sort(ORDERS[settings.order] ?? ORDERS.position);
}

export class Summary {
  #only = null; // the group that is shown alone

  constructor({ summary, mix, filters, order }, onChange) {
    this.parts = { summary, mix, filters, order };
    this.onChange = onChange;
    order.value = settings.order;
    order.addEventListener("change", () => settings.set("order", order.value));
  }

  clear() {
    this.#only = null;
    this.parts.summary.hidden = true;
  }

  /** Whether a face is among those that are shown. */
  shows(face) {
    return this.#only === null || groupOf(face) === this.#only;
  }

  show(faces) {
    const counts = new Map();
    for (const face of faces) counts.set(groupOf(face), (counts.get(groupOf(face)) ?? 0) + 1);
    const groups = [...counts].sort((one, other) => (one[0] === UNCLEAR) - (other[0] === UNCLEAR) || other[1] - one[1]);
    if (!counts.has(this.#only)) this.#only = null;
    this.parts.summary.hidden = faces.length < 2;
    this.parts.mix.replaceChildren(...groups.map(([group, count]) => this.#painted(h("i"), group, { flexGrow: count })));
    const focused = this.parts.filters.contains(document.activeElement) ? document.activeElement.dataset.group : null;
    this.parts.filters.replaceChildren(...groups.map(([group, count]) => this.#filter(group, count)));
    if (focused) this.parts.filters.querySelector(`[data-group="${focused}"]`)?.focus();
  }

  #filter(group, count) {
    const choose = () => {
      this.#only = this.#only === group ? null : group;
      this.onChange();
    };
    const button = h("button", { className: "filter", onclick: choose }, this.#painted(h("i"), group), `${count} ${t(group)}`);
    button.dataset.group = group;
    button.setAttribute("aria-pressed", String(this.#only === group));
    return button;
  }

  #painted(element, group, style = {}) {
    if (group === UNCLEAR) element.className = "unclear";
    else paint(element, group);
    Object.assign(element.style, style);
    return element;
  }
}
