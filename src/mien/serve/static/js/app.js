// Brings the page up: what the server offers, tabs, dialogs, theme, messages.

import { CameraPanel } from "./camera.js";
import { learnColors } from "./emotions.js";
import { PicturePanel } from "./picture.js";
import { connection, describe, onKeyWanted } from "./server.js";
import { settings } from "./settings.js";
import { VideoPanel } from "./video.js";

const $ = (id) => document.getElementById(id);
const PANELS = ["picture", "camera", "video"];

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

const panels = {};

function bindTabs() {
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

function pasted({ clipboardData }) {
  const files = [...clipboardData.files];
  if (!files.length) return;
  const film = files.find(({ type }) => type.startsWith("video/"));
  showPanel(film ? "video" : "picture");
  (film ? panels.video : panels.picture).add(files);
}

/** What is true of this server, by its own word. */
function tellPrivacy({ limits, mien, default: model }) {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const where = here ? "this computer, on which the server runs" : `the server ${location.host}`;
  const minutes = Math.max(1, Math.round((limits.kept_seconds ?? 0) / 60));
  $("privacy").textContent =
    `Pictures and camera frames go to ${where}, and nowhere else; they are read in its memory and not kept. ` +
    `A video is stored there while it is read; its rows are removed when you clear it, or after ${minutes} minutes.`;
  $("about").textContent = `mien ${mien}, model ${model}.`;
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

async function start() {
  onKeyWanted(askForKey);
  connection.addEventListener("lost", () => ($("gone").hidden = false));
  connection.addEventListener("back", () => ($("gone").hidden = true));
  $("problem").querySelector("button").addEventListener("click", () => ($("problem").hidden = true));
  $("open-settings").addEventListener("click", () => $("settings").showModal());
  bindTheme();
  const offer = await offered();
  learnColors(offer.emotions);
  settings.bind($("settings"), offer);
  tellPrivacy(offer);
  const more = { limits: offer.limits, complain };
  panels.picture = new PicturePanel($("picture"), {
    ...more,
    onVideo: (file) => {
      showPanel("video");
      panels.video.add([file]);
    },
  });
  panels.camera = new CameraPanel($("camera"), more);
  panels.video = new VideoPanel($("video"), {
    ...more,
    onPictures: (files) => {
      showPanel("picture");
      panels.picture.add(files);
    },
  });
  bindTabs();
  document.addEventListener("paste", pasted);
  $("loading").hidden = true;
  document.documentElement.dataset.ready = "yes";
}

start().catch((problem) => {
  $("loading").hidden = true;
  complain(problem.message);
});
