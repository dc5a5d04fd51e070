// The page's words in the visitor's language. English stands in the code; another language is one file, js/words/CODE.json,
// from English words to its own. Emotions are data in English everywhere, and translated only where they are shown.

const STORE = "mien.language";
export const LANGUAGES = { en: "English", de: "Deutsch" };

function chosen() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null; // storage is switched off
  }
}

const wanted = [chosen(), ...(navigator.languages ?? [])].map((name) => name?.slice(0, 2));
export const language = wanted.find((name) => name in LANGUAGES) ?? "en";
let table = {};

/** The words for an English text; `{name}` in it is replaced by a value. */
export function t(text, values = {}) {
  return (table[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A number of things: "1 face", "2 faces". */
export const counted = (count, one, many = `${one}s`) => t(count === 1 ? `{count} ${one}` : `{count} ${many}`, { count: count || t("no") });

/** Learns the language and translates what stands in the page. */
export async function learnWords() {
  document.documentElement.lang = language;
  if (language === "en") return;
  const answer = await fetch(new URL(`words/${language}.json`, import.meta.url)).catch(() => null);
  if (!answer?.ok) return; // English is better than nothing
  table = await answer.json();
  translate(document.body);
}

function translate(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data } = texts.currentNode;
    const text = data.replace(/\s+/g, " ").trim();
    if (text in table) texts.currentNode.data = data.replace(/^(\s*)[\s\S]*?(\s*)$/, (_, before, after) => before + table[text] + after);
  }
  for (const element of root.querySelectorAll("[aria-label]")) {
    const text = element.getAttribute("aria-label");
    if (text in table) element.setAttribute("aria-label", table[text]);
  }
}

/** Uses another language from now on; the page is loaded again for it. */
export function choose(name) {
  try {
    localStorage.setItem(STORE, name);
  } catch {
    return;
  }
  location.reload();
}
