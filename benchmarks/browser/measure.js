// What `python -m benchmarks browser` measures inside Chromium. Each function returns plain values.

const NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Faces of 48 x 48 gray pixels from one file, as ImageData. */
async function facesOf(address) {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const faces = [];
  for (let start = 0; start < bytes.length; start += 2304) {
    const rgba = new Uint8ClampedArray(4 * 2304);
    for (let k = 0; k < 2304; k++) rgba.set([bytes[start + k], bytes[start + k], bytes[start + k], 255], 4 * k);
    faces.push(new ImageData(rgba, 48, 48));
  }
  return faces;
}

/** Probabilities of every face by one of mien's models and label sets. */
async function crops(model, labels, address) {
  const { load } = await import("/web/mien.js");
  const mien = await load({ model, labels, finder: null, detector: "whole" });
  const rows = [];
  for (const face of await facesOf(address)) rows.push(Object.values((await mien.predict(face)).at(0).probabilities));
  mien.close();
  return rows;
}

/** The documents of photographs. */
async function photographs(model, addresses) {
  const { load } = await import("/web/mien.js");
  const mien = await load({ model });
  const documents = [];
  for (const address of addresses) {
    const faces = await mien.predict(await (await fetch(address)).blob());
    documents.push(faces.faces.map(({ box, probabilities }) => ({ box, probabilities: Object.values(probabilities) })));
  }
  mien.close();
  return documents;
}

/** Milliseconds from calling `load()` to the first picture's faces, the import of the code included and apart. */
async function first(address) {
  const picture = await (await fetch(address)).blob();
  const began = performance.now();
  const { load } = await import("/web/mien.js");
  const called = performance.now();
  const mien = await load();
  const loaded = performance.now();
  const faces = await mien.predict(picture);
  return { import: called - began, load: loaded - called, answer: performance.now() - called, faces: faces.length };
}

/** Watch the camera: moments per second, the worker's milliseconds, frames that were left out. */
async function camera(seconds, model, options) {
  const { load } = await import("/web/mien.js");
  const mien = await load({ model });
  const video = document.querySelector("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({
    video: { width: { exact: 1280 }, height: { exact: 720 }, frameRate: { ideal: 60 } },
  });
  await video.play();
  const moments = (window.moments = []);
  const watch = mien.watch(video, (moment) => moments.push([performance.now(), moment.milliseconds, moment.faces.length, moment.dropped]), options);
  await new Promise((resolve) => setTimeout(resolve, 3000)); // until the compiler is done
  moments.length = 0;
  window.began = true;
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  watch.stop();
  const took = (moments.at(-1)[0] - moments[0][0]) / 1000;
  const result = {
    width: video.videoWidth,
    height: video.videoHeight,
    frames_per_second: (moments.length - 1) / took,
    worker_milliseconds: median(moments.map(([, milliseconds]) => milliseconds)),
    dropped: moments.at(-1)[3] - moments[0][3],
    faces: median(moments.map(([, , faces]) => faces)),
  };
  video.srcObject.getTracks().forEach((track) => track.stop());
  mien.close();
  return result;
}

/** Watch the camera until it is told to stop: `window.seen` counts the moments. */
async function watchOn(model) {
  const { load } = await import("/web/mien.js");
  const mien = await load({ model });
  const video = document.querySelector("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
  await video.play();
  window.seen = 0;
  mien.watch(video, () => (window.seen += 1));
}

/** @vladmandic/human: its emotion network straight, as its own code feeds it; and its whole pipeline on a picture. */
async function human(address, picture, runs) {
  const began = performance.now();
  const { Human } = await import("/peers/@vladmandic/human/dist/human.esm.js");
  const reader = new Human({
    backend: "wasm",
    wasmPath: "/peers/@tensorflow/tfjs-backend-wasm/dist/",
    modelBasePath: "/peers/@vladmandic/human/models/",
    cacheSensitivity: 0,
    face: {
      enabled: true, detector: { rotation: false, maxDetected: 20 }, mesh: { enabled: false }, iris: { enabled: false },
      emotion: { enabled: true, minConfidence: 0 }, description: { enabled: false },
    },
    body: { enabled: false }, hand: { enabled: false }, object: { enabled: false }, gesture: { enabled: false },
    filter: { enabled: false },
  });
  const bitmap = await createImageBitmap(await (await fetch(picture)).blob());
  const found = await reader.detect(bitmap);
  const answer = performance.now() - began;
  const times = await timed(runs, () => reader.detect(bitmap));
  const { tf } = reader;
  const network = reader.models.models.emotion;
  const weights = tf.tensor1d([0.2989, 0.587, 0.114]);
  const chosen = [];
  for (const face of await facesOf(address)) {
    const input = tf.tidy(() => {
      const image = tf.expandDims(tf.div(tf.cast(tf.browser.fromPixels(face), "float32"), 255), 0);
      const large = tf.image.resizeBilinear(image, [network.inputs[0].shape[2], network.inputs[0].shape[2]], false);
      return tf.mul(tf.sub(tf.sum(tf.mul(large, weights), 3, true), 0.5), 2);
    });
    const output = network.execute(input);
    const values = await output.data();
    chosen.push(NAMES[values.indexOf(Math.max(...values))]);
    tf.dispose([input, output]);
  }
  return { answer, times, faces: found.face.length, backend: tf.getBackend(), chosen };
}

/** @vladmandic/face-api: its expression network by its own call; and its whole pipeline on a picture. */
async function faceApi(address, picture, runs) {
  const began = performance.now();
  const api = await import("/peers/@vladmandic/face-api/dist/face-api.esm.js");
  api.tf.setWasmPaths("/peers/@tensorflow/tfjs-backend-wasm/dist/");
  await api.tf.setBackend("wasm");
  await api.tf.ready();
  const models = "/peers/@vladmandic/face-api/model/";
  await Promise.all([api.nets.tinyFaceDetector.loadFromUri(models), api.nets.faceExpressionNet.loadFromUri(models)]);
  const canvas = document.createElement("canvas");
  const bitmap = await createImageBitmap(await (await fetch(picture)).blob());
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const options = new api.TinyFaceDetectorOptions({ inputSize: 416 });
  const read = () => api.detectAllFaces(canvas, options).withFaceExpressions();
  const found = await read();
  const answer = performance.now() - began;
  const times = await timed(runs, read);
  const spelling = { fearful: "fear", disgusted: "disgust", surprised: "surprise" };
  const small = document.createElement("canvas");
  small.width = small.height = 48;
  const context = small.getContext("2d", { willReadFrequently: true });
  const chosen = [];
  for (const face of await facesOf(address)) {
    context.putImageData(face, 0, 0);
    const [{ expression }] = (await api.nets.faceExpressionNet.predictExpressions(small)).asSortedArray();
    chosen.push(spelling[expression] ?? expression);
  }
  return { answer, times, faces: found.length, backend: api.tf.getBackend(), chosen };
}

/** mien on the same picture, in the same way. */
async function ours(model, picture, runs) {
  const { load } = await import("/web/mien.js");
  const mien = await load({ model });
  const bitmap = await createImageBitmap(await (await fetch(picture)).blob());
  const faces = (await mien.predict(bitmap)).length;
  const times = await timed(runs, () => mien.predict(bitmap));
  mien.close();
  return { times, faces };
}

async function timed(runs, read) {
  for (let round = 0; round < 5; round++) await read();
  const times = [];
  for (let round = 0; round < runs; round++) {
    const began = performance.now();
    await read();
    times.push(performance.now() - began);
  }
  return times;
}

window.measure = { crops, photographs, first, camera, watchOn, human, faceApi, ours };
