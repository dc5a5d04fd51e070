// Small words for making and finding elements. Text is always text: nothing that comes from outside becomes markup.

/** An element: `h("li", {className: "face", onclick}, "text", child, ...)`. */
export function h(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** The parts of a panel by their `data-part`, and its buttons by their `data-act`: `parts(section).image`. */
export function parts(section) {
  return Object.fromEntries([...section.querySelectorAll("[data-part]")].map((element) => [element.dataset.part, element]));
}

/** Runs `acts[name]` when a button with `data-act="name"` in the section is pressed. */
export function listen(section, acts) {
  section.addEventListener("click", (event) => {
    const name = event.target.closest("[data-act]")?.dataset.act;
    if (name) acts[name]();
  });
}

/** What is dropped on the element goes to `take`; while it hovers there, the element has the class "over". */
export function dropped(element, take) {
  const over = (on) => (event) => {
    event.preventDefault();
    element.classList.toggle("over", on);
  };
  element.addEventListener("dragover", over(true));
  element.addEventListener("dragleave", over(false));
  element.addEventListener("drop", (event) => {
    over(false)(event);
    take(event.dataTransfer);
  });
}

/** The files of what was dropped, those in folders too, by their names; files of folders that are no pictures or videos are left out. */
export async function filesOf(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...data.files];
  const found = await Promise.all(entries.map((entry) => inside(entry, true)));
  return found.flat();
}

async function inside(entry, named = false) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    return file && (named || /^(image|video)\//.test(file.type)) ? [file] : [];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) break;
    entries.push(...some);
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  return (await Promise.all(entries.map((one) => inside(one)))).flat();
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** Seconds as 1:05 or 1:02:05. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
