// src/errors.ts
/**
* The errors of the package, as in Python:
*
*     MienError
*     ├── InputError        an argument has the wrong type or range
*     ├── ImageError        a picture cannot be read
*     ├── BundleError       a model file cannot be used
*     ├── CameraError       the camera or the microphone cannot be used
*     └── RuntimeError      the worker or WebAssembly cannot be started, or a file of the package is missing
*
* A message says what was expected, what was received and how to fix it.
*/
var MienError = class extends Error {
	name = "MienError";
};
/** An argument has the wrong type or range. */
var InputError = class extends MienError {
	name = "InputError";
};
/** A picture cannot be read. */
var ImageError = class extends MienError {
	name = "ImageError";
};
/** A model file cannot be used. */
var BundleError = class extends MienError {
	name = "BundleError";
};
/** The camera or the microphone cannot be used. */
var CameraError = class extends MienError {
	name = "CameraError";
};
/** The worker or WebAssembly cannot be started, or a file of the package is missing. */
var RuntimeError = class extends MienError {
	name = "RuntimeError";
};
var KINDS = {
	MienError,
	InputError,
	ImageError,
	BundleError,
	CameraError,
	RuntimeError
};
/** Return the error of plain values. */
function fromMessage({ kind, message }) {
	return new (kind in KINDS ? KINDS[kind] : MienError)(message);
}
/** Describe a value in a message: its type, and the value itself where it is short. */
function describeValue(value) {
	if (value === null || value === void 0) return String(value);
	if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
	if (typeof value === "number" || typeof value === "boolean") return String(value);
	if (typeof value === "object") return `an object of type ${value.constructor.name || "unknown"}`;
	return `a ${typeof value}`;
}
/** Return the number; raise InputError if it is none from `low` to `high`. */
function checkNumber(name, value, low, high, expected) {
	if (typeof value !== "number" || !(value >= low && value <= high)) throw new InputError(`${name}: expected ${expected}, got ${describeValue(value)}`);
	return value;
}
/** Return one of the names; raise InputError, which lists them, if the value is none. */
function checkName(name, value, names) {
	if (!names.includes(value)) throw new InputError(`${name}: expected one of ${names.join(", ")}, got ${describeValue(value)}`);
	return value;
}
// src/connection.ts
/** The page's side of the worker: each request is a promise. */
/** A worker that answers requests. */
var Connection = class {
	worker;
	waiting = /* @__PURE__ */ new Map();
	next = 0;
	ended = null;
	constructor(worker) {
		this.worker = worker;
		worker.onmessage = ({ data }) => {
			const request = this.waiting.get(data.id);
			this.waiting.delete(data.id);
			if (!request) return;
			if ("error" in data) request.reject(fromMessage(data.error));
			else request.resolve(data.result);
		};
		worker.onerror = (event) => {
			this.end(new RuntimeError(`expected the worker mien.worker.js to run, got ${event.message || "a file that cannot be loaded"}. Copy the package's whole folder \`dist\`, and let the page's security policy allow workers and WebAssembly (worker-src 'self'; script-src 'self' 'wasm-unsafe-eval')`));
		};
	}
	/** Ask the worker; `moved` are values that the page gives up. */
	ask(name, values, moved = []) {
		if (this.ended) return Promise.reject(this.ended);
		return new Promise((resolve, reject) => {
			this.next += 1;
			this.waiting.set(this.next, {
				resolve,
				reject
			});
			this.worker.postMessage({
				id: this.next,
				name,
				values
			}, moved);
		});
	}
	/** End the worker; requests without an answer are rejected. */
	end(reason = new RuntimeError("expected an open reader, got one that was closed. Call load() again")) {
		this.ended ??= reason;
		this.worker.terminate();
		for (const { reject } of this.waiting.values()) reject(this.ended);
		this.waiting.clear();
	}
};
// src/files.ts
/** The released models, by name. */
var MODELS = {
	"mien-nano": () => new URL("./models/mien-nano.onnx", import.meta.url).href,
	mien: () => new URL("./models/mien.onnx", import.meta.url).href
};
/** mien's own face detector. */
var finder = () => new URL("./models/finders/mien-face.onnx", import.meta.url).href;
/** The released voice model. */
var voiceModel = () => new URL("./models/voice/mien-voice.onnx", import.meta.url).href;
/** The audio worklet that takes a microphone's sound. */
var microphoneWorklet = () => new URL("./mien.microphone.js", import.meta.url).href;
/** ONNX Runtime's WebAssembly, packed by gzip. */
var runtime = () => new URL("./ort-wasm-simd-threaded.wasm.gz", import.meta.url).href;
/** Start the package's worker. */
function startWorker() {
	return new Worker(new URL("./mien.worker.js", import.meta.url), {
		type: "module",
		name: "mien"
	});
}
// src/protocol.ts
/** Which detector finds the faces: mien's own, or none, where each picture is one face. */
var DETECTORS = ["mien-face", "whole"];
// src/voice/heads.ts
/** The heads of voice bundles: what people would hear, and what a speaker would mean. Knows nothing else. */
var VOICE_HEADS = ["votes", "intended"];
// src/options.ts
/** The options of `load`, `predict` and `watch`, checked. */
var READ = {
	labels: null,
	detector: "mien-face",
	size: 640,
	threshold: null,
	minFace: 0,
	minConfidence: 0,
	flip: false,
	fineLook: "needed"
};
var WATCH_SIZE = 320;
var FACE_NAMES = [
	"labels",
	"detector",
	"size",
	"threshold",
	"minFace",
	"minConfidence",
	"flip"
];
var LOAD_NAMES = [
	...FACE_NAMES,
	"model",
	"finder",
	"runtime",
	"threads"
];
var WATCH_NAMES = [
	...FACE_NAMES,
	"smoothing",
	"margin",
	"maxGap",
	"smallFaces"
];
/** Return the options of reading faces, checked: `given` before `before` before the defaults. */
function readOptions(given, before = {}) {
	checkNames(given, FACE_NAMES);
	const pick = Object.fromEntries(FACE_NAMES.map((name) => {
		return [name, given[name] ?? before[name] ?? READ[name]];
	}));
	const options = {
		...READ,
		...pick
	};
	if (options.labels !== null && typeof options.labels !== "string") throw new InputError(`labels: expected the name of a head, got ${describeValue(options.labels)}`);
	checkName("detector", options.detector, DETECTORS);
	checkNumber("size", options.size, 32, 8192, "pixels from 32 to 8192");
	if (options.threshold !== null) checkNumber("threshold", options.threshold, .001, .999, "a number between 0 and 1");
	checkNumber("minFace", options.minFace, 0, 1e400, "a number of pixels from 0");
	checkNumber("minConfidence", options.minConfidence, 0, 1, "a probability from 0 to 1");
	if (typeof options.flip !== "boolean") throw new InputError(`flip: expected true or false, got ${describeValue(options.flip)}`);
	return options;
}
/** Return the options of `watch` that are of reading and of tracking, checked. */
function watchOptions(given, before) {
	checkNames(given, WATCH_NAMES);
	const { smoothing = .2, margin = .1, maxGap = 2, smallFaces = false, ...faces } = given;
	checkNumber("smoothing", smoothing, 0, 1e6, "seconds from 0");
	checkNumber("margin", margin, 0, .999, "a probability from 0 and below 1");
	checkNumber("maxGap", maxGap, 0, 1e6, "seconds from 0");
	return [{
		...readOptions(faces, {
			...before,
			size: before.size ?? WATCH_SIZE
		}),
		fineLook: smallFaces ? "needed" : "never"
	}, {
		smoothing,
		margin,
		maxGap
	}];
}
/** Return the options of `hear` and `listen`, checked. */
function voiceOptions(given, window) {
	checkNames(given, ["head", "hop"]);
	const { head = "votes", hop = 1 } = given;
	checkName("head", head, VOICE_HEADS);
	checkNumber("hop", hop, .1, window, `seconds from 0.1 to ${window}`);
	return {
		head,
		hop
	};
}
/** Return the options of `load`, checked, with the files as addresses or contents. */
async function loadOptions(given) {
	checkNames(given, LOAD_NAMES);
	const { model = "mien-nano", finder, runtime, threads = 1, ...faces } = given;
	checkNumber("threads", threads, 1, 64, "a whole number from 1");
	readOptions(faces);
	const released = typeof model === "string" && model in MODELS;
	const address = released ? MODELS[model]() : await addressOrContent("model", model);
	return {
		model: address,
		modelName: typeof address === "string" ? released ? String(model) : address : "the model",
		finder,
		runtime: runtime === void 0 ? void 0 : new URL(runtime, document.baseURI).href,
		threads,
		faces
	};
}
/** Return an absolute address, or a file's content. */
async function addressOrContent(name, file) {
	if (typeof file === "string" || file instanceof URL) return new URL(file, document.baseURI).href;
	if (file instanceof Blob) return file.arrayBuffer();
	if (file instanceof ArrayBuffer) return file;
	if (file instanceof Uint8Array) return file.slice().buffer;
	throw new InputError(`${name}: expected ${Object.keys(MODELS).join(", ")}, an address, a Blob or an ArrayBuffer, got ${describeValue(file)}`);
}
function checkNames(given, names) {
	if (typeof given !== "object" || given === null) throw new InputError(`options: expected an object, got ${describeValue(given)}`);
	for (const name of Object.keys(given)) if (!names.includes(name)) throw new InputError(`options: expected ${names.join(", ")}, got ${describeValue(name)}`);
}
// src/results.ts
var { schema: SCHEMA, version: VERSION, uncertain: UNCERTAIN, colors, folds } = {
	version: "0.1.0",
	schema: 2,
	uncertain: "uncertain",
	colors: {
		"neutral": "#a0a0a0",
		"happy": "#f0e442",
		"surprise": "#e69f00",
		"sad": "#0072b2",
		"angry": "#d55e00",
		"disgust": "#009e73",
		"fear": "#cc79a7",
		"contempt": "#56b4e9"
	},
	ratings: {
		"neutral": [0, 0],
		"happy": [.76, .48],
		"surprise": [.4, .67],
		"sad": [-.63, -.27],
		"angry": [-.51, .59],
		"disgust": [-.6, .35],
		"fear": [-.64, .6],
		"contempt": [-.6, .35]
	},
	folds: { "contempt": "disgust" }
};
/** The faces of one picture, from the largest to the smallest; a picture without faces has the length 0. */
var Faces = class {
	source;
	width;
	height;
	labels;
	faces;
	constructor(source, width, height, labels, faces) {
		this.source = source;
		this.width = width;
		this.height = height;
		this.labels = labels;
		this.faces = faces;
	}
	/** The number of faces. */
	get length() {
		return this.faces.length;
	}
	[Symbol.iterator]() {
		return this.faces[Symbol.iterator]();
	}
	/** Return one face by its number; negative numbers count from the end. */
	at(index) {
		return this.faces.at(index);
	}
	/** Return the document, rounded to 0.1 pixel and 0.0001; `JSON.stringify` uses it. */
	toJSON() {
		const { source, width, height, labels, faces } = this;
		return {
			source,
			width,
			height,
			labels,
			faces: faces.map(rounded)
		};
	}
};
/**
* Return the document of several pictures.
*
* @param model the name of the bundle that read them.
* @param labels its label set.
* @param results the pictures' faces.
* @param errors the pictures that could not be read.
*/
function picturesDocument(model, labels, results, errors = []) {
	return {
		schema: SCHEMA,
		mien: VERSION,
		model,
		labels: {
			name: labels.name,
			emotions: [...labels.emotions]
		},
		images: [...results].map((faces) => faces.toJSON()),
		errors: [...errors]
	};
}
/** Return the emotion's colour, "#rrggbb", the same as in Python; gray for unknown names. */
function colorOf(emotion) {
	return colors[emotion] ?? "#808080";
}
function rounded(face) {
	const four = (value) => roundTo(value, 4);
	return {
		box: face.box.map((value) => roundTo(value, 1)),
		score: four(face.score),
		landmarks: face.landmarks && face.landmarks.map(([x, y]) => [roundTo(x, 1), roundTo(y, 1)]),
		emotion: face.emotion,
		confidence: four(face.confidence),
		vote_share: face.vote_share === null ? null : four(face.vote_share),
		probabilities: Object.fromEntries(Object.entries(face.probabilities).map(([name, value]) => [name, four(value)])),
		track: face.track,
		...face.emotion_set && { emotion_set: face.emotion_set },
		...face.expressiveness && { expressiveness: estimate(face.expressiveness) },
		...face.valence && { valence: estimate(face.valence) },
		...face.arousal && { arousal: estimate(face.arousal) }
	};
}
function estimate({ value, low, high }) {
	return {
		value: roundTo(value, 4),
		low: roundTo(low, 4),
		high: roundTo(high, 4)
	};
}
/** Round to a number of decimals, halves to the even digit, as Python does. */
function roundTo(value, decimals) {
	const rest = value.toFixed(20).split(".")[1].slice(decimals);
	if (!/^50*$/.test(rest)) return Number(value.toFixed(decimals));
	const factor = 10 ** decimals;
	return 2 * Math.round(value * factor / 2) / factor;
}
// src/sources.ts
/** Take a picture from whatever a page has one in. */
/** Return what the worker decodes, and what of it the page gives up; bitmaps and frames of the caller stay open. */
async function take(source) {
	if (source instanceof Blob) return {
		picture: source,
		moved: []
	};
	if (source instanceof ImageData) return {
		picture: source,
		moved: []
	};
	if (typeof VideoFrame !== "undefined" && source instanceof VideoFrame) {
		const frame = source.clone();
		return {
			picture: frame,
			moved: [frame]
		};
	}
	if (typeof HTMLVideoElement !== "undefined" && source instanceof HTMLVideoElement) {
		if (source.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !source.videoWidth) throw new ImageError("video: expected one that shows a frame, got one without. Wait for its event `loadeddata`");
	} else if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) await source.decode().catch(() => {
		throw new ImageError(`${nameOf(source)}: expected a picture, got an <img> that shows none. Check its address`);
	});
	else if (!isDrawn(source)) throw new InputError(`image: expected a Blob or File, an <img>, <video> or <canvas> element, an ImageBitmap, ImageData or VideoFrame, got ${describeValue(source)}`);
	try {
		const bitmap = await createImageBitmap(source, { colorSpaceConversion: "none" });
		return {
			picture: bitmap,
			moved: [bitmap]
		};
	} catch (error) {
		throw new ImageError(`${nameOf(source)}: expected pixels that this page may read, got an error (${String(error)}). Pictures of other sites need crossorigin="anonymous" and their permission`);
	}
}
function isDrawn(source) {
	return typeof HTMLCanvasElement !== "undefined" && source instanceof HTMLCanvasElement || typeof OffscreenCanvas !== "undefined" && source instanceof OffscreenCanvas || source instanceof ImageBitmap;
}
/** Return a picture's name in results and messages. */
function nameOf(source) {
	if (typeof File !== "undefined" && source instanceof File && source.name) return source.name;
	if (typeof HTMLImageElement !== "undefined" && source instanceof HTMLImageElement) {
		const name = (source.currentSrc || source.src).split(/[?#]/)[0].split("/").pop();
		if (name && !source.src.startsWith("data:") && !source.src.startsWith("blob:")) return decodeURIComponent(name);
	}
	if (typeof HTMLVideoElement !== "undefined" && source instanceof HTMLVideoElement) return "video";
	return "image";
}
// src/voice/voices.ts
/** Seconds of new sound, without which there is no further window. */
var SHORTEST = .25;
/** Root mean square, -80 dB, below which a window is silence. */
var SILENT = 1e-4;
var QUIETEST = -100;
/** Return the sound of a file, an AudioBuffer or samples: mono, at a rate. */
async function soundOf(source, rate) {
	let buffer;
	if (source instanceof Blob) {
		const content = await source.arrayBuffer();
		buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content).catch(() => {
			throw new InputError("sound: expected a file whose sound this browser reads, got another or a damaged one");
		});
	} else if (source instanceof AudioBuffer) buffer = source;
	else if (source?.samples instanceof Float32Array && source.rate > 0) {
		if (source.rate === rate) return source.samples;
		if (!source.samples.length) return source.samples;
		buffer = new AudioBuffer({
			length: source.samples.length,
			sampleRate: source.rate
		});
		buffer.copyToChannel(source.samples, 0);
	} else throw new InputError(`sound: expected a Blob or File, an AudioBuffer, or { samples, rate }, got ${describeValue(source)}`);
	const context = new OfflineAudioContext(1, Math.max(1, Math.round(buffer.duration * rate)), rate);
	const player = new AudioBufferSourceNode(context, { buffer });
	player.connect(context.destination);
	player.start();
	return (await context.startRendering()).getChannelData(0);
}
/** Read windows of sound, each as soon as it is there. */
var Hearing = class {
	connection;
	info;
	head;
	hop;
	sound = /* @__PURE__ */ new Float32Array(0);
	first = 0;
	number = 0;
	heard = 0;
	constructor(connection, info, head, hop) {
		this.connection = connection;
		this.info = info;
		this.head = head;
		this.hop = hop;
	}
	/** Add sound at the bundle's rate; return the windows that it completes. */
	async add(part) {
		const joined = new Float32Array(this.sound.length + part.length);
		joined.set(this.sound);
		joined.set(part, this.sound.length);
		this.sound = joined;
		const { window } = this.info;
		const voices = [];
		while (this.seconds >= this.number * this.hop + window) {
			const start = this.number * this.hop;
			this.number += 1;
			voices.push(await this.read(start, start + window));
		}
		this.forget(Math.min(this.number * this.hop, this.seconds - window));
		return voices;
	}
	/** Return the last window, which ends with the sound; none where too little is new. */
	async end() {
		if (this.seconds - this.heard < SHORTEST) return [];
		return [await this.read(Math.max(0, this.seconds - this.info.window), this.seconds)];
	}
	/** Seconds of sound so far. */
	get seconds() {
		return (this.first + this.sound.length) / this.info.rate;
	}
	/** Forget the sound before a time that no further window begins before. */
	forget(time) {
		const count = Math.floor(time * this.info.rate) - this.first;
		if (count <= 0) return;
		this.sound = this.sound.slice(count);
		this.first += count;
	}
	async read(start, end) {
		this.heard = end;
		const { rate, labels } = this.info;
		const sound = this.sound.slice(Math.round(start * rate) - this.first, Math.round(end * rate) - this.first);
		const level = Math.sqrt(sound.reduce((sum, value) => sum + value * value, 0) / sound.length);
		const answer = level > SILENT ? await this.connection.ask("hear", {
			sound,
			head: this.head
		}, [sound.buffer]) : null;
		const loudness = level > 0 ? Math.max(20 * Math.log10(level), QUIETEST) : QUIETEST;
		return voiceOf(answer, labels.emotions, start, end, loudness);
	}
};
function voiceOf(answer, emotions, start, end, loudness) {
	const best = answer ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : -1;
	const four = (value) => roundTo(value, 4);
	const named = (values) => Object.fromEntries(emotions.map((emotion, k) => [emotion, four(values[k])]));
	return {
		start: roundTo(start, 3),
		end: roundTo(end, 3),
		emotion: answer && emotions[best],
		confidence: answer && four(answer.probabilities[best]),
		vote_share: answer && four(answer.voteShares[best]),
		strength: answer && four(answer.strength),
		loudness: roundTo(loudness, 1),
		probabilities: answer && named(answer.probabilities),
		vote_shares: answer && named(answer.voteShares)
	};
}
/** A microphone, or any stream with sound, that is being heard. */
var Listening = class Listening {
	context;
	node;
	stopped = false;
	constructor(context, node) {
		this.context = context;
		this.node = node;
	}
	/** Begin; `onVoice` gets each window, `onError` what ends it. */
	static async start(stream, hearing, rate, onVoice, onError) {
		if (!stream.getAudioTracks().length) throw new InputError("stream: expected one with sound, got one without. Ask for { audio: true }");
		let context;
		let source;
		try {
			context = new AudioContext({ sampleRate: rate });
			source = context.createMediaStreamSource(stream);
		} catch (error) {
			throw new CameraError(`expected a microphone that can be heard at ${rate} samples a second, got ${String(error)}`);
		}
		await context.audioWorklet.addModule(microphoneWorklet());
		const node = new AudioWorkletNode(context, "mien-microphone", { numberOfOutputs: 0 });
		const listening = new Listening(context, node);
		let last = Promise.resolve();
		node.port.onmessage = ({ data }) => {
			last = last.then(async () => {
				if (listening.stopped) return;
				for (const voice of await hearing.add(data)) if (!listening.stopped) onVoice(voice);
			});
			last.catch((error) => {
				if (listening.stopped) return;
				listening.stop();
				onError(error);
			});
		};
		source.connect(node);
		await context.resume();
		return listening;
	}
	/** Stop; the stream stays as it is. */
	stop() {
		if (this.stopped) return;
		this.stopped = true;
		this.node.disconnect();
		this.context.close();
	}
};
// src/watch.ts
/** Frames that may be with the worker: one that it reads and one that waits, so that it need not. */
var AT_ONCE = 2;
/** A video that is being read. */
var Watch = class {
	connection;
	number;
	video;
	onMoment;
	read;
	/** Resolves when the watch was stopped, rejects where it failed. */
	ended;
	stopped = false;
	atWork = 0;
	frames = 0;
	dropped = 0;
	began = null;
	lastTime = -1;
	end;
	fail;
	waiting = 0;
	/** Use `Mien.watch`. */
	constructor(connection, number, video, onMoment, read, tracking) {
		this.connection = connection;
		this.number = number;
		this.video = video;
		this.onMoment = onMoment;
		this.read = read;
		this.ended = new Promise((resolve, reject) => {
			this.end = resolve;
			this.fail = reject;
		});
		this.ended.catch(() => void 0);
		this.connection.ask("open", {
			video: number,
			tracking
		}).then(() => this.await(), (error) => this.stop(error));
	}
	/** Stop reading; with an error, `ended` rejects. */
	stop(error) {
		if (this.stopped) return;
		this.stopped = true;
		if ("cancelVideoFrameCallback" in this.video) this.video.cancelVideoFrameCallback(this.waiting);
		else cancelAnimationFrame(this.waiting);
		this.connection.ask("end", { video: this.number }).catch(() => void 0);
		if (error === void 0) this.end();
		else this.fail(error);
	}
	await() {
		if (this.stopped) return;
		const next = () => {
			this.await();
			this.take();
		};
		if ("requestVideoFrameCallback" in this.video) this.waiting = this.video.requestVideoFrameCallback(next);
		else this.waiting = requestAnimationFrame(next);
	}
	take() {
		const { video } = this;
		if (this.stopped || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
		const time = this.timeNow();
		if (time <= this.lastTime) return;
		this.lastTime = time;
		if (this.atWork >= AT_ONCE) {
			this.dropped += 1;
			return;
		}
		this.atWork += 1;
		this.send(time).then(() => this.atWork -= 1, (error) => this.stop(error));
	}
	/** Return seconds: a file's own time, or for a camera the time since the first frame. */
	timeNow() {
		if (!this.video.srcObject) return this.video.currentTime;
		const now = performance.now() / 1e3;
		this.began ??= now;
		return now - this.began;
	}
	async send(time) {
		const picture = await grab(this.video);
		if (this.stopped) {
			picture.close();
			return;
		}
		const frame = this.frames++;
		const values = {
			video: this.number,
			time,
			picture,
			options: this.read
		};
		const { width, height, labels, faces, milliseconds } = await this.connection.ask("frame", values, [picture]);
		if (this.stopped) return;
		const result = new Faces("video", width, height, labels, faces);
		this.onMoment({
			time,
			frame,
			faces: result,
			milliseconds,
			dropped: this.dropped
		});
	}
};
/** Take the frame that a video shows, without waiting for pixels where the browser can. */
async function grab(video) {
	if (typeof VideoFrame !== "undefined") return new VideoFrame(video);
	return createImageBitmap(video);
}
// src/mien.ts
/** `load` and `Mien`: what pages use. */
/**
* Load a model and mien's face detector in a worker.
*
* Nothing is fetched but the package's own files, and nothing at all after this.
*
* @param options the model, and how faces are read; `predict` and `watch` can say otherwise.
* @throws BundleError, InputError, RuntimeError
*/
async function load(options = {}) {
	const { model, modelName, finder: finder$1, runtime: runtime$1, threads, faces } = await loadOptions(options);
	const detector = finder$1 === void 0 ? finder() : finder$1 && await addressOrContent("finder", finder$1);
	const connection = new Connection(startWorker());
	try {
		const start = {
			runtime: runtime$1 ?? runtime(),
			model,
			modelName,
			finder: detector,
			threads
		};
		const info = await connection.ask("start", start);
		checkLabels(info, faces.labels);
		return new Mien(connection, info, faces);
	} catch (error) {
		connection.end();
		throw error;
	}
}
function checkLabels(info, labels) {
	if (labels === void 0 || labels === null || info.heads.some(({ name }) => name === labels)) return;
	throw new InputError(`labels: expected one of this bundle's heads (${info.heads.map(({ name }) => name).join(", ")}), got ${JSON.stringify(labels)}`);
}
/** A loaded model. It reads pictures and videos; they never leave the page. */
var Mien = class {
	connection;
	model;
	defaults;
	watches = /* @__PURE__ */ new Set();
	listenings = /* @__PURE__ */ new Set();
	videos = 0;
	voice = null;
	/** Use `load`. */
	constructor(connection, model, defaults) {
		this.connection = connection;
		this.model = model;
		this.defaults = defaults;
	}
	/**
	* Read the faces of a picture, or of the frame that a video shows.
	*
	* @param source a Blob or File, an <img>, <video> or <canvas>, an ImageBitmap, ImageData or VideoFrame.
	* @param options how faces are read, where it differs from `load`; `source` names the picture in the result.
	* @returns the faces, from the largest to the smallest.
	* @throws ImageError, InputError
	*/
	async predict(source, options = {}) {
		const { source: name = nameOf(source), ...faces } = options;
		const read = readOptions(faces, this.defaults);
		checkLabels(this.model, read.labels);
		const { picture, moved } = await take(source);
		const found = await this.connection.ask("read", {
			picture,
			source: name,
			options: read
		}, moved);
		return new Faces(name, found.width, found.height, found.labels, found.faces);
	}
	/**
	* Read a playing video or camera as fast as its frames come; frames that come while the worker is busy are left out.
	*
	* @param video a <video> that plays: a file, or a camera's stream.
	* @param onMoment called with the faces of each frame that was read.
	* @param options how faces are read and followed.
	* @returns what stops it.
	*/
	watch(video, onMoment, options = {}) {
		if (!(video instanceof HTMLVideoElement)) throw new InputError("video: expected a <video> element, got something else");
		if (typeof onMoment !== "function") throw new InputError("onMoment: expected a function, got something else");
		const [read, tracking] = watchOptions(options, this.defaults);
		checkLabels(this.model, read.labels);
		this.videos += 1;
		const watch = new Watch(this.connection, this.videos, video, onMoment, read, tracking);
		this.watches.add(watch);
		watch.ended.then(() => this.watches.delete(watch));
		return watch;
	}
	/**
	* Load the voice model, which `hear` and `listen` otherwise do when they are first called.
	*
	* @param model a voice bundle of your own: an address or its content. Default: the released one.
	* @returns its labels, its rate in samples a second, and the seconds of its window.
	* @throws BundleError, RuntimeError
	*/
	loadVoice(model) {
		if (model !== void 0) this.voice = null;
		this.voice ??= (async () => {
			const file = model === void 0 ? voiceModel() : await addressOrContent("model", model);
			return this.connection.ask("voice", { file });
		})();
		this.voice.catch(() => this.voice = null);
		return this.voice;
	}
	/**
	* Hear the voice in a sound, window by window. No speech detector runs here: noise is heard as if it were speech.
	*
	* @param source a file with sound, an AudioBuffer, or `{ samples, rate }`.
	* @throws InputError, BundleError, RuntimeError
	*/
	async hear(source, options = {}) {
		const info = await this.loadVoice();
		const { head, hop } = voiceOptions(options, info.window);
		const hearing = new Hearing(this.connection, info, head, hop);
		return [...await hearing.add(await soundOf(source, info.rate)), ...await hearing.end()];
	}
	/**
	* Listen to a microphone, or any stream with sound.
	*
	* @param stream from `navigator.mediaDevices.getUserMedia({ audio: true })`.
	* @param onVoice called with what is heard in each window of some seconds.
	* @param onError called where listening ends by an error.
	* @throws InputError, CameraError, BundleError, RuntimeError
	*/
	async listen(stream, onVoice, options = {}, onError = (error) => console.error(error)) {
		const info = await this.loadVoice();
		const { head, hop } = voiceOptions(options, info.window);
		const hearing = new Hearing(this.connection, info, head, hop);
		const listening = await Listening.start(stream, hearing, info.rate, onVoice, onError);
		this.listenings.add(listening);
		return listening;
	}
	/** Return the JSON document of several pictures, the same as `mien predict --json`. */
	document(results, errors = []) {
		const pictures = [...results];
		const name = pictures[0]?.labels ?? this.defaults.labels ?? this.model.default;
		const head = this.model.heads.find((one) => one.name === name);
		return picturesDocument(this.model.name, {
			name,
			emotions: head?.emotions ?? []
		}, pictures, errors);
	}
	/** Stop all that runs, and free the worker and its memory. */
	close() {
		for (const watch of this.watches) watch.stop();
		for (const listening of this.listenings) listening.stop();
		this.connection.end();
	}
};
export { UNCERTAIN as a, picturesDocument as c, ImageError as d, InputError as f, Faces as i, BundleError as l, RuntimeError as m, load as n, VERSION as o, MienError as p, Watch as r, colorOf as s, Mien as t, CameraError as u };
