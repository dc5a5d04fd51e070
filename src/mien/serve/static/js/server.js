// The HTTP service behind the page. Knows paths, problems and keys; nothing of what is shown.

import { t } from "./words.js";

const ROOT = new URL(".", document.baseURI); // the page may live below a path of a reverse proxy

// What a visitor reads; the server's own words are for developers, and go to the console.
const WORDS = {
  401: "The server wants a key for this.",
  403: "The server does not take this from here.",
  404: "The server does not have it any more.",
  409: "It is not ready yet.",
  413: "It is too large for this server. Make it smaller, then try again.",
  415: "The server cannot read this kind of file.",
  422: "The server cannot read this file. Choose a JPEG, PNG or WebP picture, or an MP4 or WebM video.",
  429: "That was too much at once. Wait a moment, then try again.",
  503: "The server is busy. Try again in a moment.",
};

/** What a visitor reads where the server has an answer but an error in it: `what` is "picture" or "video". */
export function unreadable(what, said) {
  console.info(said);
  const kinds = {
    picture: "The server cannot read the file as a picture. Choose a JPEG, PNG or WebP.",
    video: "The server cannot read the file as a video. Try an MP4 or WebM.",
  };
  return t(kinds[what]);
}

/** What the server, or the way to it, says is wrong; `message` is for visitors. */
export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", errors = [] }) {
    const said = errors[0]?.reason || detail || title;
    super(status ? t(WORDS[status] ?? "Something went wrong on the server. Try again in a moment.") : said);
    if (status) console.info(`${status}: ${said}`);
    this.status = status;
  }
}

/** Tells "lost" when the server cannot be reached, and "back" when it can again. */
export const connection = new EventTarget();
let lost = false;

function tell(isLost) {
  if (lost === isLost) return;
  lost = isLost;
  connection.dispatchEvent(new Event(lost ? "lost" : "back"));
  if (lost) knock(500);
}

function knock(pause) {
  setTimeout(async () => {
    const answered = await fetch(new URL("readyz", ROOT), { cache: "no-store" }).then((answer) => answer.ok, () => false);
    if (answered) tell(false);
    else knock(Math.min(2 * pause, 8000));
  }, pause);
}

// The key, where the server wants one, lives as long as the tab. `askForKey` is the page's way to ask for it.
let askForKey = async () => null;
const KEY = "mien.key";
export const onKeyWanted = (ask) => (askForKey = ask);
const authorization = () => {
  const key = sessionStorage.getItem(KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
};

async function newKey() {
  const known = sessionStorage.getItem(KEY) !== null;
  const key = await askForKey(t(known ? "That key is not known here." : "Whoever runs the server has one for you."));
  if (key) sessionStorage.setItem(KEY, key);
  return Boolean(key);
}

const unreachable = () => new Problem({ detail: t("The server does not answer. Is it still running?") });

async function problemOf(response) {
  const said = await response.json().catch(() => ({}));
  return new Problem({ status: response.status, title: response.statusText, ...said });
}

async function call(path, { headers = {}, ...options } = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(new URL(path, ROOT), { ...options, headers: { ...authorization(), ...headers } });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      tell(true);
      throw unreachable();
    }
    tell(false);
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || !(await newKey())) throw problem;
  }
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined && value !== ""));

/** What can be asked for: models, detectors, colours, limits. */
export const describe = async () => (await call("v1/models")).json();

/** The answer for one picture, the document of `mien predict --json`. */
export async function readPicture(blob, name, settings, signal) {
  const form = new FormData();
  form.append("images", blob, name);
  return (await call(`v1/faces?${query(settings)}`, { method: "POST", body: form, signal })).json();
}

/** Sends a video; `onShare` is told the share that is sent. Resolves to the job's document. */
export function sendVideo(file, settings, onShare, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    request.open("POST", new URL(`v1/videos?${query({ ...settings, name: file.name })}`, ROOT));
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    request.onerror = () => {
      tell(true);
      reject(unreachable());
    };
    request.onabort = () => reject(new DOMException("", "AbortError"));
    request.onload = async () => {
      if (request.status < 300) return resolve(request.response);
      const problem = new Problem({ status: request.status, title: request.statusText, ...request.response });
      if (request.status === 401 && (await newKey())) return resolve(sendVideo(file, settings, onShare, signal));
      return reject(problem);
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

export const video = {
  job: async (id) => (await call(`v1/videos/${id}`)).json(),
  rows: async (id, after) => (await call(`v1/videos/${id}/rows?${query({ after })}`)).json(),
  summary: async (id) => (await call(`v1/videos/${id}/summary`)).json(),
  csv: async (id) => (await call(`v1/videos/${id}/rows?format=csv`)).blob(),
  timeline: async (id) => (await call(`v1/videos/${id}/timeline?format=html`)).blob(),
  remove: (id) => call(`v1/videos/${id}`, { method: "DELETE", keepalive: true }),
};

/** A WebSocket that takes frames and answers with faces. */
export function openStream(settings) {
  const address = new URL(`v1/stream?${query(settings)}`, ROOT);
  address.protocol = address.protocol.replace("http", "ws");
  const key = sessionStorage.getItem(KEY);
  const encoded = key && btoa(String.fromCharCode(...new TextEncoder().encode(key))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const socket = new WebSocket(address, encoded ? ["mien.v1", `key.${encoded}`] : ["mien.v1"]);
  socket.binaryType = "arraybuffer";
  return socket;
}
