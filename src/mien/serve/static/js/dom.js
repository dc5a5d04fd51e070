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

/** Files that are dropped on the section go to `take`; while they hover over it, it has the class "over". */
export function droppable(section, take) {
  const over = (on) => (event) => {
    event.preventDefault();
    section.classList.toggle("over", on);
  };
  section.addEventListener("dragover", over(true));
  section.addEventListener("dragleave", over(false));
  section.addEventListener("drop", (event) => {
    over(false)(event);
    take([...event.dataTransfer.files]);
  });
}

export const percent = (share) => `${Math.round(100 * share)} %`;

/** Seconds as 1:05 or 1:02:05. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 1 face, 2 faces. */
export const counted = (count, one, many = `${one}s`) => `${count || "no"} ${count === 1 ? one : many}`;

export const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
