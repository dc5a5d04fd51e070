// One page to keep: every picture with its boxes, and what its faces say; it needs nothing but itself.

import { percent } from "./dom.js";
import { annotated } from "./download.js";
import { colorOf, likeliest, nameOf } from "./emotions.js";
import { groupOf } from "./summary.js";
import { counted, language, t } from "./words.js";

const WIDEST = 1200; // pixels of a picture in the report

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:40px auto;padding:0 20px;color:#1b1b1e}
img{max-width:100%;border-radius:10px}h2{margin-top:48px}table{border-collapse:collapse;width:100%;margin-top:12px}
td,th{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid #ddd}td:first-child,th:first-child{width:3em}
i{display:inline-block;width:12px;height:12px;margin-right:7px;border-radius:3px;vertical-align:-1px}
small{color:#5c5a57}section{break-inside:avoid}`;

const escaped = (text) => String(text).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const cell = (text) => `<td>${escaped(text)}</td>`;

/** The report of pictures, `{name, image, found}` with faces that have their numbers. */
export async function report(pictures, about) {
  const sections = [];
  for (const { name, image, found } of pictures) sections.push(await section(name, image, found));
  const count = pictures.reduce((sum, { found }) => sum + found.faces.length, 0);
  const all = pictures.flatMap(({ found }) => found.faces);
  const title = pictures.length === 1 ? t("Faces in a picture") : t("Faces in {count} pictures", { count: pictures.length });
  const parts = [
    `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    `<title>${escaped(title)}</title><style>${STYLE}</style><h1>${escaped(title)}</h1>`,
    `<p>${escaped(`${counted(count, "face")}: ${groups(all)}`)}</p>`,
    ...sections,
    `<p><small>${escaped(`${t("An expression is not a feeling, let alone an intention: do not judge anybody by it.")} ${about}`)}</small></p></html>`,
  ];
  return new Blob(parts, { type: "text/html" });
}

/** How many of each emotion there are, the most first: "20 happy, 6 neutral". */
function groups(faces) {
  const counts = new Map();
  for (const face of faces) counts.set(groupOf(face), (counts.get(groupOf(face)) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]).map(([group, count]) => `${count} ${t(group)}`).join(", ");
}

async function section(name, image, found) {
  const rows = [...found.faces].sort((one, other) => one.number - other.number).map((face) => {
    const mark = `<td><i style="background:${colorOf(likeliest(face))}"></i>${escaped(nameOf(face))}</td>`;
    return `<tr>${cell(face.number)}${mark}${cell(percent(face.confidence))}${cell(face.vote_share === null ? "" : percent(face.vote_share))}</tr>`;
  });
  const heads = ["", t("Emotion"), t("Sureness"), t("People who would say so")].map((head) => `<th>${escaped(head)}</th>`);
  const table = rows.length ? `<table><tr>${heads.join("")}</tr>${rows.join("")}</table>` : `<p>${escaped(t("No face found"))}</p>`;
  return `<section><h2>${escaped(name)}</h2><img alt="" src="${await embedded(image, found)}">${table}</section>`;
}

/** The picture with its boxes, as the address of a JPEG that the page holds. */
async function embedded(image, found) {
  const bitmap = await createImageBitmap(await annotated(image, found));
  const scale = Math.min(1, WIDEST / Math.max(bitmap.width, bitmap.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width * scale, height: bitmap.height * scale });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.85);
}
