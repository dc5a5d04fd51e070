// Shows the description of the API, openapi.json, for people.

import { h } from "./dom.js";

const kindOf = (schema) => {
  const one = schema?.anyOf?.find(({ type }) => type !== "null") ?? schema ?? {};
  const limits = [one.minimum !== undefined && `from ${one.minimum}`, one.maximum !== undefined && `to ${one.maximum}`].filter(Boolean);
  return [one.type ?? "", ...limits].join(" ");
};

const table = (titles, rows) =>
  h("table", {}, h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { textContent: title })))), h("tbody", {}, ...rows));

function operation(path, method, { summary, description, parameters = [], requestBody, responses }) {
  const parts = [h("h2", {}, h("b", { textContent: method.toUpperCase() }), h("code", { textContent: path })), h("p", { textContent: description ?? summary ?? "" })];
  if (parameters.length) {
    const rows = parameters.map(({ name, schema, description: words, required }) =>
      h("tr", {}, h("td", {}, h("code", { textContent: name })), h("td", { textContent: kindOf(schema) + (required ? ", required" : "") }), h("td", { textContent: words ?? schema?.description ?? "" })),
    );
    parts.push(h("h3", { textContent: "Parameters" }), table(["name", "kind", "meaning"], rows));
  }
  if (requestBody) parts.push(h("h3", { textContent: "Body" }), h("p", { textContent: Object.keys(requestBody.content).join(", ") }));
  const rows = Object.entries(responses).map(([status, { description: words }]) => h("tr", {}, h("td", { textContent: status }), h("td", { textContent: words })));
  parts.push(h("h3", { textContent: "Answers" }), table(["status", "meaning"], rows));
  for (const { content = {} } of Object.values(responses)) {
    const example = content["application/json"]?.example;
    if (example) parts.push(h("pre", { tabIndex: 0, textContent: JSON.stringify(example, null, 2) }));
  }
  return parts;
}

const key = sessionStorage.getItem("mien.key");
const answer = await fetch("openapi.json", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
const { info, paths, detail } = await answer.json();
if (answer.ok) {
  document.querySelector("#description").textContent = info.description;
  const all = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).flatMap(([method, each]) => operation(path, method, each)));
  document.querySelector("#operations").replaceChildren(...all);
} else {
  document.querySelector("#description").textContent = `${detail} Open the page, enter the key there, and come back in the same tab.`;
}
