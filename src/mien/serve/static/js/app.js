// Brings the page up: where faces are read, tabs, dialogs, theme, messages, files that are dropped or pasted.

import { CameraPanel } from "./camera.js";
import { bindCode } from "./code.js";
import { dropped, filesOf } from "./dom.js";
import { learnColors } from "./emotions.js";
import { canHere, describeHere, isHere, onlyHere } from "./engine.js";
import { PicturePanel } from "./picture.js";
import { connection, describe, onKeyWanted } from "./server.js";
import { settings } from "./settings.js";
import { VideoPanel } from "./video.js";
import { learnWords, t } from "./words.js";

const $ = (id) => document.getElementById(id);
const PANELS = onlyHere ? ["picture", "camera"] : ["picture", "camera", "video"];
const panels = {};
const limits = {}; // of the server, filled when it has told them

function complain(message) {
  $("problem").firstElementChild.textContent = message;
  $("problem").hidden = false;
}

function showPanel(name, focus = false) {
  for (const panel of PANELS) {
    const chosen = panel === name;
    $(panel).hidden = !chosen;
    $(`tab-${panel}`).setAttribute("aria-selected", String(chosen));
    $(`tab-${panel}`).tabIndex = chosen ? 0 : -1;
  }
  if (focus) $(`tab-${name}`).focus();
  if (name !== "camera" && panels.camera?.running) panels.camera.stop();
  $("problem").hidden = true;
  history.replaceState(null, "", `#${name}`);
}

function bindTabs() {
  $("tab-video").hidden = onlyHere;
  PANELS.forEach((name, number) => {
    $(`tab-${name}`).addEventListener("click", () => showPanel(name));
    $(`tab-${name}`).addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step) showPanel(PANELS[(number + step + PANELS.length) % PANELS.length], true);
    });
  });
  const asked = location.hash.slice(1);
  showPanel(PANELS.includes(asked) ? asked : "picture");
}

function bindTheme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  $("change-theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("mien.theme", root.dataset.theme);
    } catch {
      // it holds until the page is closed
    }
  });
}

function askForKey(reason) {
  const dialog = $("key");
  const input = dialog.querySelector("input");
  $("key-reason").textContent = reason;
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (key) => {
      dialog.onclose = null;
      dialog.close();
      resolve(key);
    };
    dialog.querySelector('[data-act="use"]').onclick = () => end(input.value.trim() || null);
    dialog.querySelector('[data-act="leave"]').onclick = () => end(null);
    input.onkeydown = ({ key }) => key === "Enter" && end(input.value.trim() || null);
    dialog.onclose = () => end(null); // Escape
  });
}

/** Files go where they are read: the first video, or all pictures. */
function take(files) {
  const film = files.find(({ type }) => type.startsWith("video/"));
  if (!files.length) return;
  if (film && onlyHere) return complain(t("Videos are read by mien on a computer, not by this page. Pictures and the camera are."));
  if (film && files.every(({ type }) => type.startsWith("video/"))) {
    showPanel("video");
    panels.video.add([film]);
  } else {
    showPanel("picture");
    panels.picture.add(files);
  }
}

function bindFiles() {
  document.addEventListener("paste", ({ clipboardData }) => take([...clipboardData.files]));
  dropped(document.documentElement, async (data) => take(await filesOf(data)));
}

const place = () => (["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) ? t("this computer, on which the server runs") : t("the server {host}", { host: location.host }));

/** What is true of where faces are read, by the server's own word where it is the server. */
function tellWhere() {
  const here = isHere();
  const minutes = Math.max(1, Math.round((limits.kept_seconds ?? 0) / 60));
  const videos = onlyHere ? "" : ` ${t("A video goes to {place}: it is stored there while it is read, and what was found is removed when you clear it, or after {minutes} minutes.", { place: place(), minutes })}`;
  $("open-where").querySelector("span").textContent = t(here ? "On this device" : "On the server");
  $("open-where").querySelector("use").setAttribute("href", here ? "#i-lock" : "#i-server");
  $("privacy").textContent = (here ? t("Nothing of a picture leaves this device.") : t("Pictures and camera frames go to {place}, and nowhere else; they are read in its memory and not kept.", { place: place() })) + videos;
  $("promise").textContent = t(here ? "Drop a picture, and see the expression of every face in it, read right here on your device." : "Drop a picture, and see the expression of every face in it.");
  for (const input of $("where").querySelectorAll("[name=engine]")) input.checked = (input.value === "device") === here;
  $("settings").querySelector('[data-part="accurate"]').hidden = !here;
  panels.camera?.tellWhere();
}

function bindWhere() {
  const dialog = $("where");
  $("open-where").addEventListener("click", () => dialog.showModal());
  dialog.querySelector('[data-act="close"]').addEventListener("click", () => dialog.close());
  dialog.querySelector('[data-part="server"]').hidden = onlyHere;
  dialog.querySelector('[value="device"]').disabled = !canHere;
  $("server-words").textContent = t("Pictures and camera frames go to {place}; they are read in its memory and not kept.", { place: place() });
  dialog.addEventListener("change", ({ target }) => settings.set("engine", target.value));
  settings.addEventListener("change", ({ of }) => {
    if (of !== "engine" && of !== "accurate") return;
    tellWhere();
    offer().catch(({ message }) => complain(message));
  });
}

/** What the server offers, once it is there and its model is loaded. */
async function offered() {
  for (;;) {
    try {
      return await describe();
    } catch (problem) {
      if (problem.status === 0) await new Promise((resolve) => connection.addEventListener("back", resolve, { once: true }));
      else if (problem.status === 503) await new Promise((resolve) => setTimeout(resolve, 500));
      else throw problem;
    }
  }
}

let serverOffer = null;

/** Asks the server once what it offers; its limits hold for videos wherever pictures are read. */
async function askServer() {
  serverOffer ??= offered().catch((problem) => {
    serverOffer = null; // the key was not given: it is asked for again
    throw problem;
  });
  const found = await serverOffer;
  Object.assign(limits, found.limits);
  learnColors(found.emotions);
  $("about").textContent = `mien ${found.mien}.`;
  panels.video?.allow();
  panels.picture?.allow();
  tellWhere();
  return found;
}

/** Fills the settings with what can be chosen where faces are read. */
async function offer() {
  if (isHere()) {
    const found = await describeHere();
    learnColors(found.emotions);
    $("about").textContent = `mien ${found.mien}.`;
    if (isHere()) settings.offer(found);
    return;
  }
  const { models, detectors, default: named } = await askServer();
  const model = models.find(({ name }) => name === named) ?? models[0];
  if (!isHere()) settings.offer({ heads: model.heads, labels: model.labels, detectors });
}

async function start() {
  await learnWords();
  onKeyWanted(askForKey);
  connection.addEventListener("lost", () => ($("gone").hidden = false));
  connection.addEventListener("back", () => ($("gone").hidden = true));
  $("problem").querySelector("button").addEventListener("click", () => ($("problem").hidden = true));
  $("open-settings").addEventListener("click", () => $("settings").showModal());
  bindTheme();
  settings.bind($("settings"));
  bindWhere();
  bindCode($("code"));
  tellWhere();
  if (isHere()) {
    offer().catch(({ message }) => complain(message));
    if (!onlyHere) askServer().catch(() => undefined); // videos will ask again
  } else await offer();
  panels.picture = new PicturePanel($("picture"), { limits, complain, take });
  panels.camera = new CameraPanel($("camera"), { complain });
  if (!onlyHere) panels.video = new VideoPanel($("video"), { limits, complain, take });
  tellWhere();
  await panels.picture.restore();
  bindTabs();
  bindFiles();
  $("loading").hidden = true;
  document.documentElement.dataset.ready = "yes";
  if (onlyHere && "serviceWorker" in navigator) navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
}

start().catch((problem) => {
  $("loading").hidden = true;
  complain(problem.message);
});
