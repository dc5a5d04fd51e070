// "Use this from code": the same reading in Python, from a shell and in JavaScript, with the settings as they are.

import { h } from "./dom.js";
import { isHere, onlyHere } from "./engine.js";
import { settings } from "./settings.js";
import { t } from "./words.js";

let name = "picture.jpg";

/** The picture that is looked at. */
export const codeIsOf = (file) => (name = file);

const quoted = (text) => JSON.stringify(text);

/** The snippets, by their titles. */
export function snippets() {
  const { labels, detector, flip } = settings.asked;
  const here = isHere();
  const model = here && !settings.accurate ? "mien-nano" : "mien";
  const found = detector || (here ? "mien-face" : "");
  const python = [quoted(model), found && `detector=${quoted(found)}`, labels && `labels=${quoted(labels)}`, flip && "flip=True"].filter(Boolean);
  const query = new URLSearchParams(Object.entries({ labels, detector, flip }).filter(([, value]) => value)).toString();
  const address = new URL("v1/faces", document.baseURI) + (query && `?${query}`);
  const options = [`model: ${quoted(model)}`, labels && `labels: ${quoted(labels)}`, flip && "flip: true"].filter(Boolean);
  return {
    Python: `from mien import EmotionRecognizer\n\nrecognizer = EmotionRecognizer(${python.join(", ")})\nprint(recognizer.predict(${quoted(name)}))`,
    ...(onlyHere ? {} : { Shell: `curl --data-binary @${quoted(name)} -H 'Content-Type: image/jpeg' '${address}'` }),
    JavaScript: `import { load } from "./mien.js";\n\nconst mien = await load({ ${options.join(", ")} });\nconst faces = await mien.predict(file);\nconsole.log([...faces].map((face) => face.emotion));`,
  };
}

export function bindCode(dialog) {
  dialog.querySelector('[data-act="close"]').addEventListener("click", () => dialog.close());
}

export function showCode(dialog) {
  const blocks = Object.entries(snippets()).map(([title, text]) => {
    const copy = h("button", { className: "quiet", onclick: () => navigator.clipboard?.writeText(text).then(() => (copy.textContent = t("Copied"))) }, t("Copy"));
    copy.setAttribute("aria-label", t("Copy: {title}", { title }));
    const code = h("pre", { tabIndex: 0 }, h("code", { textContent: text }));
    code.setAttribute("aria-label", title);
    code.setAttribute("role", "region");
    return h("section", {}, h("div", { className: "row title" }, h("h3", { textContent: title }), copy), code);
  });
  dialog.querySelector('[data-part="snippets"]').replaceChildren(...blocks);
  dialog.showModal();
}
