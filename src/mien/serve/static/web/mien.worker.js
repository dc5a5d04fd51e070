// \0rolldown/runtime.js
var e = /* @__PURE__ */ ((e) => typeof require < "u" ? require : typeof Proxy < "u" ? new Proxy(e, { get: (e, t) => (typeof require < "u" ? require : e)[t] }) : e)(function(e) {
	if (typeof require < "u") return require.apply(this, arguments);
	throw Error("Calling `require` for \"" + e + "\" in an environment that doesn't expose the `require` function. See https://rolldown.rs/in-depth/bundling-cjs#require-external-modules for more details.");
}), t = class extends Error {
	name = "MienError";
}, n = class extends t {
	name = "InputError";
}, r = class extends t {
	name = "ImageError";
}, i = class extends t {
	name = "BundleError";
}, a = class extends t {
	name = "RuntimeError";
};
function o(e) {
	return e instanceof t ? {
		kind: e.name,
		message: e.message
	} : {
		kind: "RuntimeError",
		message: `expected no error in the worker, got ${e instanceof Error ? `${e.name}: ${e.message}` : String(e)}. Please report it`
	};
}
// src/image/area.ts
var { fround: s, ceil: c, floor: l, min: u } = Math;
function d(e, t, n, r = e.channels) {
	let i = e.width / t, a = e.height / n, o = {
		data: new Uint8Array(t * n * r),
		width: t,
		height: n,
		channels: r
	};
	return Number.isInteger(i) && Number.isInteger(a) ? f(e, o, i, a) : p(e, o), o;
}
function f(e, t, n, r) {
	let { data: i, channels: a } = e, { data: o, width: c, height: l, channels: u } = t, d = s(1 / (n * r)), f = n === 2 && r === 2, p = e.width * a, m = p - n * a, h = 0;
	for (let e = 0; e < l; e++) {
		let t = e * r * p;
		for (let e = 0; e < c; e++, t += n * a) for (let e = 0; e < u; e++) {
			let c = 0, l = t + e;
			for (let e = 0; e < r; e++, l += m) for (let e = 0; e < n; e++, l += a) c += i[l];
			o[h++] = f ? c + 2 >> 2 : _(s(c * d));
		}
	}
}
function p(e, t) {
	let { data: n, width: r, height: i, channels: a } = t, o = g(e.width, r), c = g(e.height, i), l = new Float32Array(r * a), u = new Float32Array(r * a), d = a === 3 ? m : h, f = -1;
	for (let t = 0; t < i; t++) {
		u.fill(0);
		for (let n = c.first[t]; n < c.first[t + 1]; n++) {
			c.source[n] !== f && d(e, c.source[n], o, l), f = c.source[n];
			let t = c.weight[n], r = l.length;
			for (let e = 0; e < r; e++) u[e] = s(u[e] + s(t * l[e]));
		}
		let r = t * l.length;
		for (let e = 0; e < l.length; e++) {
			let t = u[e], i = t + .5 | 0;
			n[r + e] = i - t === .5 ? i & -2 : i;
		}
	}
}
function m({ data: e, width: t, channels: n }, r, i, a) {
	let { first: o, source: c, weight: l } = i, u = r * t * n;
	for (let t = 0, r = 0; r < a.length; t++, r += 3) {
		let [i, d, f] = [
			0,
			0,
			0
		], p = o[t + 1], m = u + c[o[t]] * n;
		for (let r = o[t]; r < p; r++, m += n) {
			let t = l[r];
			i = s(i + s(e[m] * t)), d = s(d + s(e[m + 1] * t)), f = s(f + s(e[m + 2] * t));
		}
		a[r] = i, a[r + 1] = d, a[r + 2] = f;
	}
}
function h({ data: e, width: t, channels: n }, r, i, a) {
	let { first: o, source: c, weight: l } = i, u = r * t * n;
	for (let t = 0; t < a.length; t++) {
		let r = 0;
		for (let i = o[t]; i < o[t + 1]; i++) r = s(r + s(e[u + c[i] * n] * l[i]));
		a[t] = r;
	}
}
function g(e, t) {
	let n = e / t, r = [], i = [], a = [], o = (e, t) => {
		i.push(e), a.push(t);
	};
	for (let a = 0; a < t; a++) {
		r.push(i.length);
		let t = a * n, s = t + n, d = u(n, e - t), f = u(l(s), e - 1), p = u(c(t), f);
		p - t > .001 && o(p - 1, (p - t) / d);
		for (let e = p; e < f; e++) o(e, 1 / d);
		s - f > .001 && o(f, u(u(s - f, 1), d) / d);
	}
	return r.push(i.length), {
		first: Int32Array.from(r),
		source: Int32Array.from(i),
		weight: Float32Array.from(a)
	};
}
function _(e) {
	let t = l(e), n = e - t;
	return n < .5 ? t : n > .5 || t % 2 ? t + 1 : t;
}
// src/image/gray.ts
var v = 9798, y = 19235, b = 3735, ee = 16384;
function x(e, t = 0, n = 0, r = e.width, i = e.height) {
	let { data: a, channels: o } = e, s = new Uint8Array(r * i), c = 0;
	for (let l = n; l < n + i; l++) {
		let n = (l * e.width + t) * o;
		for (let e = 0; e < r; e++, n += o) s[c++] = a[n] * v + a[n + 1] * y + a[n + 2] * b + ee >> 15;
	}
	return {
		data: s,
		width: r,
		height: i,
		channels: 1
	};
}
// src/image/warp.ts
var { fround: S, floor: C, min: w, max: T } = Math;
function E(e, t, n) {
	let [r, i, a, o, s, c] = te(t).map(S), { data: l, width: u, height: d } = e, f = new Uint8Array(n * n);
	for (let e = 0; e < n; e++) {
		let t = S(S(e * i) + a), p = S(S(e * s) + c);
		for (let i = 0; i < n; i++) {
			let a = S(S(i * r) + t), s = S(S(i * o) + p), c = C(a), m = C(s), h = S(a - c), g = S(s - m), v = T(0, w(u - 1, c)), y = T(0, w(u - 1, c + 1)), b = T(0, w(d - 1, m)) * u, ee = T(0, w(d - 1, m + 1)) * u, x = D(l[b + v], l[b + y], h), E = D(l[ee + v], l[ee + y], h);
			f[e * n + i] = _(D(x, E, g));
		}
	}
	return f;
}
function D(e, t, n) {
	return S(e + S(n * S(t - e)));
}
function te([e, t, n, r, i, a]) {
	let o = 1 / (e * i - t * r), [s, c, l, u] = [
		i * o,
		-t * o,
		-r * o,
		e * o
	];
	return [
		s,
		c,
		-s * n - c * a,
		l,
		u,
		-l * n - u * a
	];
}
// src/crop.ts
var { sqrt: ne, max: O, min: re, floor: ie, ceil: ae, fround: oe } = Math;
function se(e) {
	let { size: t, mean: r, std: i } = e;
	if (!Number.isInteger(t) || t < 8 || t > 48 || (48 - t) % 2) throw new n(`input size: expected an even number from 8 to 48, got ${t}`);
	if (!Number.isFinite(r) || !Number.isFinite(i) || i <= 0) throw new n(`input: expected a finite mean and a positive std, got ${r} and ${i}`);
	return {
		size: t,
		mean: r,
		std: i
	};
}
function ce(e, t, n = !1) {
	let { size: r, mean: i, std: a } = t, o = (48 - r) / 2, s = new Float32Array(e.length * r * r), c = 0;
	for (let t of e) for (let e = o; e < 48 - o; e++) for (let r = o; r < 48 - o; r++) {
		let o = t[e * 48 + (n ? 47 - r : r)];
		s[c++] = oe(oe(o - oe(i)) / oe(a));
	}
	return s;
}
var le = [
	[14.8, 19.1],
	[32.5, 18.7],
	[16.9, 36.9],
	[31.7, 36.5]
].map((e) => e.map(oe)), ue = [
	0,
	1,
	3,
	4
], de = [
	4.4,
	-.8,
	43.7,
	49
], fe = [
	0,
	0,
	48,
	48
];
function pe(e, t, n, r) {
	let { scale: i, offset: a } = me(t, n, r);
	return ge(e, i, a);
}
function me(e, t, n) {
	let r = he(e), i = he(n ? fe : de);
	t && (r = ue.map((e) => t[e]), i = le);
	let a = A(i) / A(r), [o, s] = [k(r), k(i)];
	return {
		scale: a,
		offset: [s[0] - a * o[0], s[1] - a * o[1]]
	};
}
function he([e, t, n, r]) {
	return [[e, t], [n, r]];
}
function k(e) {
	let t = (t) => e.reduce((e, n) => e + n[t], 0);
	return [t(0) / e.length, t(1) / e.length];
}
function A(e) {
	let [t, n] = k(e);
	return O(.001, ne(e.reduce((e, r) => e + (r[0] - t) ** 2 + (r[1] - n) ** 2, 0)));
}
function ge(e, t, n) {
	let r = [e.width, e.height], i = [0, 0], a = [0, 0], o = [0, 0], s = O(1, .5 / t);
	for (let e of [0, 1]) {
		let [c, l] = [-n[e] / t, (48 - n[e]) / t];
		i[e] = O(0, re(r[e] - 1, ie(c) - 2)), a[e] = O(i[e] + 1, re(r[e], ae(l) + 2)), o[e] = O(1, _((a[e] - i[e]) / s));
	}
	let c = x(e, i[0], i[1], a[0] - i[0], a[1] - i[1]), l = [0, 1].map((e) => o[e] / (a[e] - i[e]));
	s > 1 && (c = d(c, o[0], o[1]));
	let u = [0, 1].map((e) => n[e] + t * (.5 / l[e] + i[e]) - .5);
	return E(c, [
		t / l[0],
		0,
		u[0],
		0,
		t / l[1],
		u[1]
	], 48);
}
// src/onnx.ts
var _e = 14, ve = 1, ye = 2, be = 2, xe = "mien";
function j(e, t = xe) {
	let n = new TextDecoder(), r = 0;
	for (let [i, a] of Ce(e)) {
		if (r += 1, i !== _e || a === null) continue;
		let e = "", o = "";
		for (let [t, r] of Ce(a)) t === ve && r && (e = n.decode(r)), t === ye && r && (o = n.decode(r));
		if (e === t) return o;
	}
	if (!r) throw Se();
	return null;
}
function Se() {
	return new i("expected an ONNX file, got something else or a file that is cut short. Download it again");
}
function* Ce(e) {
	let t = 0, n = () => {
		let n = 0;
		for (let r = 0; r < 70; r += 7) {
			if (t >= e.length) throw Se();
			let i = e[t++];
			if (n += (i & 127) * 2 ** r, i < 128) return n;
		}
		throw Se();
	};
	for (; t < e.length;) {
		let r = n(), i = Math.floor(r / 8), a = r % 8;
		if (i < 1) throw Se();
		if (a === be) {
			let r = n();
			if (r > e.length - t) throw Se();
			yield [i, e.subarray(t, t + r)], t += r;
		} else {
			if (a === 0) n();
			else if (a === 1) t += 8;
			else if (a === 5) t += 4;
			else throw Se();
			if (t > e.length) throw Se();
			yield [i, null];
		}
	}
}
// node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs
var we = Object.defineProperty, Te = Object.getOwnPropertyDescriptor, Ee = Object.getOwnPropertyNames, De = Object.prototype.hasOwnProperty, M = ((t) => typeof e < "u" ? e : typeof Proxy < "u" ? new Proxy(t, { get: (t, n) => (typeof e < "u" ? e : t)[n] }) : t)(function(t) {
	if (typeof e < "u") return e.apply(this, arguments);
	throw Error("Dynamic require of \"" + t + "\" is not supported");
}), N = (e, t, n) => () => {
	if (n) throw n[0];
	try {
		return e && (t = e(e = 0)), t;
	} catch (e) {
		throw n = [e], e;
	}
}, Oe = (e, t) => {
	for (var n in t) we(e, n, {
		get: t[n],
		enumerable: !0
	});
}, ke = (e, t, n, r) => {
	if (t && typeof t == "object" || typeof t == "function") for (let i of Ee(t)) !De.call(e, i) && i !== n && we(e, i, {
		get: () => t[i],
		enumerable: !(r = Te(t, i)) || r.enumerable
	});
	return e;
}, Ae = (e) => ke(we({}, "__esModule", { value: !0 }), e), P, je, Me, Ne, Pe, Fe = N(() => {
	P = /* @__PURE__ */ new Map(), je = [], Me = (e, t, n) => {
		if (t && typeof t.init == "function" && typeof t.createInferenceSessionHandler == "function") {
			let r = P.get(e);
			if (r === void 0) P.set(e, {
				backend: t,
				priority: n
			});
			else {
				if (r.priority > n) return;
				if (r.priority === n && r.backend !== t) throw Error(`cannot register backend "${e}" using priority ${n}`);
			}
			if (n >= 0) {
				let t = je.indexOf(e);
				t !== -1 && je.splice(t, 1);
				for (let t = 0; t < je.length; t++) if (P.get(je[t]).priority <= n) {
					je.splice(t, 0, e);
					return;
				}
				je.push(e);
			}
		} else throw TypeError("not a valid backend");
	}, Ne = async (e) => {
		let t = P.get(e);
		if (!t) return "backend not found.";
		if (t.initialized) return t.backend;
		if (t.aborted) return t.error;
		{
			let n = !!t.initPromise;
			try {
				return n || (t.initPromise = t.backend.init(e)), await t.initPromise, t.initialized = !0, t.backend;
			} catch (e) {
				return n || (t.error = `${e}`, t.aborted = !0), t.error;
			} finally {
				delete t.initPromise;
			}
		}
	}, Pe = async (e) => {
		let t = e.executionProviders || [], n = t.map((e) => typeof e == "string" ? e : e.name), r = n.length === 0 ? je : n, i, a = [], o = /* @__PURE__ */ new Set();
		for (let e of r) {
			let t = await Ne(e);
			typeof t == "string" ? a.push({
				name: e,
				err: t
			}) : (i ||= t, i === t && o.add(e));
		}
		if (!i) throw Error(`no available backend found. ERR: ${a.map((e) => `[${e.name}] ${e.err}`).join(", ")}`);
		for (let { name: e, err: t } of a) n.includes(e) && console.warn(`removing requested execution provider "${e}" from session options because it is not available: ${t}`);
		let s = t.filter((e) => o.has(typeof e == "string" ? e : e.name));
		return [i, new Proxy(e, { get: (e, t) => t === "executionProviders" ? s : Reflect.get(e, t) })];
	};
}), Ie = N(() => {
	Fe();
}), Le, Re = N(() => {
	Le = "1.30.0";
}), ze, F, Be = N(() => {
	Re(), ze = "warning", F = {
		wasm: {},
		webgl: {},
		webgpu: {},
		versions: { common: Le },
		set logLevel(e) {
			if (e !== void 0) {
				if (typeof e != "string" || [
					"verbose",
					"info",
					"warning",
					"error",
					"fatal"
				].indexOf(e) === -1) throw Error(`Unsupported logging level: ${e}`);
				ze = e;
			}
		},
		get logLevel() {
			return ze;
		}
	}, Object.defineProperty(F, "logLevel", { enumerable: !0 });
}), I, Ve = N(() => {
	Be(), I = F;
}), He, Ue, We = N(() => {
	He = (e, t) => {
		let n = typeof document < "u" ? document.createElement("canvas") : new OffscreenCanvas(1, 1);
		n.width = e.dims[3], n.height = e.dims[2];
		let r = n.getContext("2d");
		if (r != null) {
			let i, a;
			t?.tensorLayout !== void 0 && t.tensorLayout === "NHWC" ? (i = e.dims[2], a = e.dims[3]) : (i = e.dims[3], a = e.dims[2]);
			let o = t?.format === void 0 ? "RGB" : t.format, s = t?.norm, c, l;
			s === void 0 || s.mean === void 0 ? c = [
				255,
				255,
				255,
				255
			] : typeof s.mean == "number" ? c = [
				s.mean,
				s.mean,
				s.mean,
				s.mean
			] : (c = [
				s.mean[0],
				s.mean[1],
				s.mean[2],
				0
			], s.mean[3] !== void 0 && (c[3] = s.mean[3])), s === void 0 || s.bias === void 0 ? l = [
				0,
				0,
				0,
				0
			] : typeof s.bias == "number" ? l = [
				s.bias,
				s.bias,
				s.bias,
				s.bias
			] : (l = [
				s.bias[0],
				s.bias[1],
				s.bias[2],
				0
			], s.bias[3] !== void 0 && (l[3] = s.bias[3]));
			let u = a * i, d = 0, f = u, p = u * 2, m = -1;
			o === "RGBA" ? (d = 0, f = u, p = u * 2, m = u * 3) : o === "RGB" ? (d = 0, f = u, p = u * 2) : o === "RBG" && (d = 0, p = u, f = u * 2);
			for (let t = 0; t < a; t++) for (let n = 0; n < i; n++) {
				let i = (e.data[d++] - l[0]) * c[0], a = (e.data[f++] - l[1]) * c[1], o = (e.data[p++] - l[2]) * c[2], s = m === -1 ? 255 : (e.data[m++] - l[3]) * c[3];
				r.fillStyle = "rgba(" + i + "," + a + "," + o + "," + s + ")", r.fillRect(n, t, 1, 1);
			}
			if ("toDataURL" in n) return n.toDataURL();
			throw Error("toDataURL is not supported");
		}
		throw Error("Can not access image data");
	}, Ue = (e, t) => {
		let n = typeof document < "u" ? document.createElement("canvas").getContext("2d") : new OffscreenCanvas(1, 1).getContext("2d"), r;
		if (n != null) {
			let i, a, o;
			t?.tensorLayout !== void 0 && t.tensorLayout === "NHWC" ? (i = e.dims[2], a = e.dims[1], o = e.dims[3]) : (i = e.dims[3], a = e.dims[2], o = e.dims[1]);
			let s = t !== void 0 && t.format !== void 0 ? t.format : "RGB", c = t?.norm, l, u;
			c === void 0 || c.mean === void 0 ? l = [
				255,
				255,
				255,
				255
			] : typeof c.mean == "number" ? l = [
				c.mean,
				c.mean,
				c.mean,
				c.mean
			] : (l = [
				c.mean[0],
				c.mean[1],
				c.mean[2],
				255
			], c.mean[3] !== void 0 && (l[3] = c.mean[3])), c === void 0 || c.bias === void 0 ? u = [
				0,
				0,
				0,
				0
			] : typeof c.bias == "number" ? u = [
				c.bias,
				c.bias,
				c.bias,
				c.bias
			] : (u = [
				c.bias[0],
				c.bias[1],
				c.bias[2],
				0
			], c.bias[3] !== void 0 && (u[3] = c.bias[3]));
			let d = a * i;
			if (t !== void 0 && (t.format !== void 0 && o === 4 && t.format !== "RGBA" || o === 3 && t.format !== "RGB" && t.format !== "BGR")) throw Error("Tensor format doesn't match input tensor dims");
			let f = 0, p = 1, m = 2, h = 3, g = 0, _ = d, v = d * 2, y = -1;
			s === "RGBA" ? (g = 0, _ = d, v = d * 2, y = d * 3) : s === "RGB" ? (g = 0, _ = d, v = d * 2) : s === "RBG" && (g = 0, v = d, _ = d * 2), r = n.createImageData(i, a);
			for (let t = 0; t < a * i; f += 4, p += 4, m += 4, h += 4, t++) r.data[f] = (e.data[g++] - u[0]) * l[0], r.data[p] = (e.data[_++] - u[1]) * l[1], r.data[m] = (e.data[v++] - u[2]) * l[2], r.data[h] = y === -1 ? 255 : (e.data[y++] - u[3]) * l[3];
		} else throw Error("Can not access image data");
		return r;
	};
}), Ge, Ke, qe, Je, Ye, Xe, Ze = N(() => {
	ot(), Ge = (e, t) => {
		if (e === void 0) throw Error("Image buffer must be defined");
		if (t.height === void 0 || t.width === void 0) throw Error("Image height and width must be defined");
		if (t.tensorLayout === "NHWC") throw Error("NHWC Tensor layout is not supported yet");
		let { height: n, width: r } = t, i = t.norm ?? {
			mean: 255,
			bias: 0
		}, a, o;
		a = typeof i.mean == "number" ? [
			i.mean,
			i.mean,
			i.mean,
			i.mean
		] : [
			i.mean[0],
			i.mean[1],
			i.mean[2],
			i.mean[3] ?? 255
		], o = typeof i.bias == "number" ? [
			i.bias,
			i.bias,
			i.bias,
			i.bias
		] : [
			i.bias[0],
			i.bias[1],
			i.bias[2],
			i.bias[3] ?? 0
		];
		let s = t.format === void 0 ? "RGBA" : t.format, c = t.tensorFormat !== void 0 && t.tensorFormat !== void 0 ? t.tensorFormat : "RGB", l = n * r, u = c === "RGBA" ? new Float32Array(l * 4) : new Float32Array(l * 3), d = 4, f = 0, p = 1, m = 2, h = 3, g = 0, _ = l, v = l * 2, y = -1;
		s === "RGB" && (d = 3, f = 0, p = 1, m = 2, h = -1), c === "RGBA" ? y = l * 3 : c === "RBG" ? (g = 0, v = l, _ = l * 2) : c === "BGR" && (v = 0, _ = l, g = l * 2);
		for (let t = 0; t < l; t++, f += d, m += d, p += d, h += d) u[g++] = (e[f] + o[0]) / a[0], u[_++] = (e[p] + o[1]) / a[1], u[v++] = (e[m] + o[2]) / a[2], y !== -1 && h !== -1 && (u[y++] = (e[h] + o[3]) / a[3]);
		return c === "RGBA" ? new L("float32", u, [
			1,
			4,
			n,
			r
		]) : new L("float32", u, [
			1,
			3,
			n,
			r
		]);
	}, Ke = async (e, t) => {
		let n = typeof HTMLImageElement < "u" && e instanceof HTMLImageElement, r = typeof ImageData < "u" && e instanceof ImageData, i = typeof ImageBitmap < "u" && e instanceof ImageBitmap, a = typeof e == "string", o, s = t ?? {}, c = () => {
			if (typeof document < "u") return document.createElement("canvas");
			if (typeof OffscreenCanvas < "u") return new OffscreenCanvas(1, 1);
			throw Error("Canvas is not supported");
		}, l = (e) => typeof HTMLCanvasElement < "u" && e instanceof HTMLCanvasElement || e instanceof OffscreenCanvas ? e.getContext("2d") : null;
		if (n) {
			let n = c();
			n.width = e.width, n.height = e.height;
			let r = l(n);
			if (r != null) {
				let n = e.height, i = e.width;
				if (t !== void 0 && t.resizedHeight !== void 0 && t.resizedWidth !== void 0 && (n = t.resizedHeight, i = t.resizedWidth), t !== void 0) {
					if (s = t, t.tensorFormat !== void 0) throw Error("Image input config format must be RGBA for HTMLImageElement");
					s.tensorFormat = "RGBA", s.height = n, s.width = i;
				} else s.tensorFormat = "RGBA", s.height = n, s.width = i;
				r.drawImage(e, 0, 0), o = r.getImageData(0, 0, i, n).data;
			} else throw Error("Can not access image data");
		} else if (r) {
			let n, r;
			if (t !== void 0 && t.resizedWidth !== void 0 && t.resizedHeight !== void 0 ? (n = t.resizedHeight, r = t.resizedWidth) : (n = e.height, r = e.width), t !== void 0 && (s = t), s.format = "RGBA", s.height = n, s.width = r, t !== void 0) {
				let t = c();
				t.width = r, t.height = n;
				let i = l(t);
				if (i != null) i.putImageData(e, 0, 0), o = i.getImageData(0, 0, r, n).data;
				else throw Error("Can not access image data");
			} else o = e.data;
		} else if (i) {
			if (t === void 0) throw Error("Please provide image config with format for Imagebitmap");
			let n = c();
			n.width = e.width, n.height = e.height;
			let r = l(n);
			if (r != null) {
				let t = e.height, n = e.width;
				return r.drawImage(e, 0, 0, n, t), o = r.getImageData(0, 0, n, t).data, s.height = t, s.width = n, Ge(o, s);
			}
			throw Error("Can not access image data");
		} else {
			if (a) return new Promise((t, n) => {
				let r = c(), i = l(r);
				if (!e || !i) return n();
				let a = new Image();
				a.crossOrigin = "Anonymous", a.src = e, a.onload = () => {
					r.width = a.width, r.height = a.height, i.drawImage(a, 0, 0, r.width, r.height);
					let e = i.getImageData(0, 0, r.width, r.height);
					s.height = r.height, s.width = r.width, t(Ge(e.data, s));
				};
			});
			throw Error("Input data provided is not supported - aborted tensor creation");
		}
		if (o !== void 0) return Ge(o, s);
		throw Error("Input data provided is not supported - aborted tensor creation");
	}, qe = (e, t) => {
		let { width: n, height: r, download: i, dispose: a } = t;
		return new L({
			location: "texture",
			type: "float32",
			texture: e,
			dims: [
				1,
				r,
				n,
				4
			],
			download: i,
			dispose: a
		});
	}, Je = (e, t) => {
		let { dataType: n, dims: r, download: i, dispose: a } = t;
		return new L({
			location: "gpu-buffer",
			type: n ?? "float32",
			gpuBuffer: e,
			dims: r,
			download: i,
			dispose: a
		});
	}, Ye = (e, t) => {
		let { dataType: n, dims: r, download: i, dispose: a } = t;
		return new L({
			location: "ml-tensor",
			type: n ?? "float32",
			mlTensor: e,
			dims: r,
			download: i,
			dispose: a
		});
	}, Xe = (e, t, n) => new L({
		location: "cpu-pinned",
		type: e,
		data: t,
		dims: n ?? [t.length]
	});
}), Qe, $e, et, tt, nt = N(() => {
	Qe = /* @__PURE__ */ new Map([
		["float32", Float32Array],
		["uint8", Uint8Array],
		["int8", Int8Array],
		["uint16", Uint16Array],
		["int16", Int16Array],
		["int32", Int32Array],
		["bool", Uint8Array],
		["float64", Float64Array],
		["uint32", Uint32Array],
		["int4", Uint8Array],
		["uint4", Uint8Array]
	]), $e = /* @__PURE__ */ new Map([
		[Float32Array, "float32"],
		[Uint8Array, "uint8"],
		[Int8Array, "int8"],
		[Uint16Array, "uint16"],
		[Int16Array, "int16"],
		[Int32Array, "int32"],
		[Float64Array, "float64"],
		[Uint32Array, "uint32"]
	]), et = !1, tt = () => {
		if (!et) {
			et = !0;
			let e = typeof BigInt64Array < "u" && BigInt64Array.from, t = typeof BigUint64Array < "u" && BigUint64Array.from, n = globalThis.Float16Array, r = typeof n < "u" && n.from;
			e && (Qe.set("int64", BigInt64Array), $e.set(BigInt64Array, "int64")), t && (Qe.set("uint64", BigUint64Array), $e.set(BigUint64Array, "uint64")), r ? (Qe.set("float16", n), $e.set(n, "float16")) : Qe.set("float16", Uint16Array);
		}
	};
}), rt, it, at = N(() => {
	ot(), rt = (e) => {
		let t = 1;
		for (let n = 0; n < e.length; n++) {
			let r = e[n];
			if (typeof r != "number" || !Number.isSafeInteger(r)) throw TypeError(`dims[${n}] must be an integer, got: ${r}`);
			if (r < 0) throw RangeError(`dims[${n}] must be a non-negative integer, got: ${r}`);
			t *= r;
		}
		return t;
	}, it = (e, t) => {
		switch (e.location) {
			case "cpu": return new L(e.type, e.data, t);
			case "cpu-pinned": return new L({
				location: "cpu-pinned",
				data: e.data,
				type: e.type,
				dims: t
			});
			case "texture": return new L({
				location: "texture",
				texture: e.texture,
				type: e.type,
				dims: t
			});
			case "gpu-buffer": return new L({
				location: "gpu-buffer",
				gpuBuffer: e.gpuBuffer,
				type: e.type,
				dims: t
			});
			case "ml-tensor": return new L({
				location: "ml-tensor",
				mlTensor: e.mlTensor,
				type: e.type,
				dims: t
			});
			default: throw Error(`tensorReshape: tensor location ${e.location} is not supported`);
		}
	};
}), L, ot = N(() => {
	We(), Ze(), nt(), at(), L = class {
		constructor(e, t, n) {
			tt();
			let r, i;
			if (typeof e == "object" && "location" in e) switch (this.dataLocation = e.location, r = e.type, i = e.dims, e.location) {
				case "cpu-pinned": {
					let t = Qe.get(r);
					if (!t) throw TypeError(`unsupported type "${r}" to create tensor from pinned buffer`);
					if (!(e.data instanceof t)) throw TypeError(`buffer should be of type ${t.name}`);
					this.cpuData = e.data;
					break;
				}
				case "texture":
					if (r !== "float32") throw TypeError(`unsupported type "${r}" to create tensor from texture`);
					this.gpuTextureData = e.texture, this.downloader = e.download, this.disposer = e.dispose;
					break;
				case "gpu-buffer":
					if (r !== "float32" && r !== "float16" && r !== "int32" && r !== "int64" && r !== "uint32" && r !== "uint8" && r !== "bool" && r !== "uint4" && r !== "int4") throw TypeError(`unsupported type "${r}" to create tensor from gpu buffer`);
					this.gpuBufferData = e.gpuBuffer, this.downloader = e.download, this.disposer = e.dispose;
					break;
				case "ml-tensor":
					if (r !== "float32" && r !== "float16" && r !== "int32" && r !== "int64" && r !== "uint32" && r !== "uint64" && r !== "int8" && r !== "uint8" && r !== "bool" && r !== "uint4" && r !== "int4") throw TypeError(`unsupported type "${r}" to create tensor from MLTensor`);
					this.mlTensorData = e.mlTensor, this.downloader = e.download, this.disposer = e.dispose;
					break;
				default: throw Error(`Tensor constructor: unsupported location '${this.dataLocation}'`);
			}
			else {
				let a, o;
				if (typeof e == "string") {
					if (r = e, o = n, e === "string") {
						if (!Array.isArray(t)) throw TypeError("A string tensor's data must be a string array.");
						a = t;
					} else {
						let n = Qe.get(e);
						if (n === void 0) throw TypeError(`Unsupported tensor type: ${e}.`);
						if (Array.isArray(t)) {
							if (e === "float16" && n === Uint16Array || e === "uint4" || e === "int4") throw TypeError(`Creating a ${e} tensor from number array is not supported. Please use ${n.name} as data.`);
							a = e === "uint64" || e === "int64" ? n.from(t, BigInt) : n.from(t);
						} else if (t instanceof n) a = t;
						else if (t instanceof Uint8ClampedArray) {
							if (e === "uint8") a = Uint8Array.from(t);
							else throw TypeError("A Uint8ClampedArray tensor's data must be type of uint8");
						} else if (e === "float16" && t instanceof Uint16Array && n !== Uint16Array) a = new globalThis.Float16Array(t.buffer, t.byteOffset, t.length);
						else throw TypeError(`A ${r} tensor's data must be type of ${n}`);
					}
				} else if (o = t, Array.isArray(e)) {
					if (e.length === 0) throw TypeError("Tensor type cannot be inferred from an empty array.");
					let t = typeof e[0];
					if (t === "string") r = "string", a = e;
					else if (t === "boolean") r = "bool", a = Uint8Array.from(e);
					else throw TypeError(`Invalid element type of data array: ${t}.`);
				} else if (e instanceof Uint8ClampedArray) r = "uint8", a = Uint8Array.from(e);
				else {
					let t = $e.get(e.constructor);
					if (t === void 0) throw TypeError(`Unsupported type for tensor data: ${e.constructor}.`);
					r = t, a = e;
				}
				if (o === void 0) o = [a.length];
				else if (!Array.isArray(o)) throw TypeError("A tensor's dims must be a number array");
				i = o, this.cpuData = a, this.dataLocation = "cpu";
			}
			let a = rt(i);
			if (this.cpuData && a !== this.cpuData.length && (r !== "uint4" && r !== "int4" || Math.ceil(a / 2) !== this.cpuData.length)) throw Error(`Tensor's size(${a}) does not match data length(${this.cpuData.length}).`);
			this.type = r, this.dims = i, this.size = a;
		}
		static async fromImage(e, t) {
			return Ke(e, t);
		}
		static fromTexture(e, t) {
			return qe(e, t);
		}
		static fromGpuBuffer(e, t) {
			return Je(e, t);
		}
		static fromMLTensor(e, t) {
			return Ye(e, t);
		}
		static fromPinnedBuffer(e, t, n) {
			return Xe(e, t, n);
		}
		toDataURL(e) {
			return He(this, e);
		}
		toImageData(e) {
			return Ue(this, e);
		}
		get data() {
			if (this.ensureValid(), !this.cpuData) throw Error("The data is not on CPU. Use `getData()` to download GPU data to CPU, or use `texture` or `gpuBuffer` property to access the GPU data directly.");
			return this.cpuData;
		}
		get location() {
			return this.dataLocation;
		}
		get texture() {
			if (this.ensureValid(), !this.gpuTextureData) throw Error("The data is not stored as a WebGL texture.");
			return this.gpuTextureData;
		}
		get gpuBuffer() {
			if (this.ensureValid(), !this.gpuBufferData) throw Error("The data is not stored as a WebGPU buffer.");
			return this.gpuBufferData;
		}
		get mlTensor() {
			if (this.ensureValid(), !this.mlTensorData) throw Error("The data is not stored as a WebNN MLTensor.");
			return this.mlTensorData;
		}
		async getData(e) {
			switch (this.ensureValid(), this.dataLocation) {
				case "cpu":
				case "cpu-pinned": return this.data;
				case "texture":
				case "gpu-buffer":
				case "ml-tensor":
					if (!this.downloader) throw Error("The current tensor is not created with a specified data downloader.");
					if (this.isDownloading) throw Error("The current tensor is being downloaded.");
					try {
						this.isDownloading = !0;
						let t = await this.downloader();
						return this.downloader = void 0, this.dataLocation = "cpu", this.cpuData = t, e && this.disposer && (this.disposer(), this.disposer = void 0), t;
					} finally {
						this.isDownloading = !1;
					}
				default: throw Error(`cannot get data from location: ${this.dataLocation}`);
			}
		}
		dispose() {
			if (this.isDownloading) throw Error("The current tensor is being downloaded.");
			this.disposer &&= (this.disposer(), void 0), this.cpuData = void 0, this.gpuTextureData = void 0, this.gpuBufferData = void 0, this.mlTensorData = void 0, this.downloader = void 0, this.isDownloading = void 0, this.dataLocation = "none";
		}
		ensureValid() {
			if (this.dataLocation === "none") throw Error("The tensor is disposed.");
		}
		reshape(e) {
			if (this.ensureValid(), this.downloader || this.disposer) throw Error("Cannot reshape a tensor that owns GPU resource.");
			return it(this, e);
		}
	};
}), R, st = N(() => {
	ot(), R = L;
}), ct, lt, z, ut, dt, ft, pt = N(() => {
	Be(), ct = (e, t) => {
		(typeof F.trace > "u" ? !F.wasm.trace : !F.trace) || console.timeStamp(`${e}::ORT::${t}`);
	}, lt = (e, t) => {
		let n = (/* @__PURE__ */ Error()).stack?.split(/\r\n|\r|\n/g) || [], r = !1;
		for (let i = 0; i < n.length; i++) {
			if (r && !n[i].includes("TRACE_FUNC")) {
				let r = `FUNC_${e}::${n[i].trim().split(" ")[1]}`;
				t && (r += `::${t}`), ct("CPU", r);
				return;
			}
			n[i].includes("TRACE_FUNC") && (r = !0);
		}
	}, z = (e) => {
		(typeof F.trace > "u" ? !F.wasm.trace : !F.trace) || lt("BEGIN", e);
	}, ut = (e) => {
		(typeof F.trace > "u" ? !F.wasm.trace : !F.trace) || lt("END", e);
	}, dt = (e) => {
		(typeof F.trace > "u" ? !F.wasm.trace : !F.trace) || console.time(`ORT::${e}`);
	}, ft = (e) => {
		(typeof F.trace > "u" ? !F.wasm.trace : !F.trace) || console.timeEnd(`ORT::${e}`);
	};
}), mt, ht = N(() => {
	Fe(), st(), pt(), mt = class e {
		constructor(e) {
			this.handler = e;
		}
		async run(e, t, n) {
			z(), dt("InferenceSession.run");
			let r = {}, i = {};
			if (typeof e != "object" || !e || e instanceof R || Array.isArray(e)) throw TypeError("'feeds' must be an object that use input names as keys and OnnxValue as corresponding values.");
			let a = !0;
			if (typeof t == "object") {
				if (t === null) throw TypeError("Unexpected argument[1]: cannot be null.");
				if (t instanceof R) throw TypeError("'fetches' cannot be a Tensor");
				if (Array.isArray(t)) {
					if (t.length === 0) throw TypeError("'fetches' cannot be an empty array.");
					a = !1;
					for (let e of t) {
						if (typeof e != "string") throw TypeError("'fetches' must be a string array or an object.");
						if (this.outputNames.indexOf(e) === -1) throw RangeError(`'fetches' contains invalid output name: ${e}.`);
						r[e] = null;
					}
					if (typeof n == "object" && n) i = n;
					else if (typeof n < "u") throw TypeError("'options' must be an object.");
				} else {
					let e = !1, o = Object.getOwnPropertyNames(t);
					for (let n of this.outputNames) if (o.indexOf(n) !== -1) {
						let i = t[n];
						(i === null || i instanceof R) && (e = !0, a = !1, r[n] = i);
					}
					if (e) {
						if (typeof n == "object" && n) i = n;
						else if (typeof n < "u") throw TypeError("'options' must be an object.");
					} else i = t;
				}
			} else if (typeof t < "u") throw TypeError("Unexpected argument[1]: must be 'fetches' or 'options'.");
			for (let t of this.inputNames) if (typeof e[t] > "u") throw Error(`input '${t}' is missing in 'feeds'.`);
			if (a) for (let e of this.outputNames) r[e] = null;
			let o = await this.handler.run(e, r, i), s = {};
			for (let e in o) if (Object.hasOwnProperty.call(o, e)) {
				let t = o[e];
				s[e] = t instanceof R ? t : new R(t.type, t.data, t.dims);
			}
			return ft("InferenceSession.run"), ut(), s;
		}
		async release() {
			return this.handler.dispose();
		}
		static async create(t, n, r, i) {
			z(), dt("InferenceSession.create");
			let a, o = {};
			if (typeof t == "string") {
				if (a = t, typeof n == "object" && n) o = n;
				else if (typeof n < "u") throw TypeError("'options' must be an object.");
			} else if (t instanceof Uint8Array) {
				if (a = t, typeof n == "object" && n) o = n;
				else if (typeof n < "u") throw TypeError("'options' must be an object.");
			} else if (t instanceof ArrayBuffer || typeof SharedArrayBuffer < "u" && t instanceof SharedArrayBuffer) {
				let e = t, s = 0, c = t.byteLength;
				if (typeof n == "object" && n) o = n;
				else if (typeof n == "number") {
					if (s = n, !Number.isSafeInteger(s)) throw RangeError("'byteOffset' must be an integer.");
					if (s < 0 || s >= e.byteLength) throw RangeError(`'byteOffset' is out of range [0, ${e.byteLength}).`);
					if (c = t.byteLength - s, typeof r == "number") {
						if (c = r, !Number.isSafeInteger(c)) throw RangeError("'byteLength' must be an integer.");
						if (c <= 0 || s + c > e.byteLength) throw RangeError(`'byteLength' is out of range (0, ${e.byteLength - s}].`);
						if (typeof i == "object" && i) o = i;
						else if (typeof i < "u") throw TypeError("'options' must be an object.");
					} else if (typeof r < "u") throw TypeError("'byteLength' must be a number.");
				} else if (typeof n < "u") throw TypeError("'options' must be an object.");
				a = new Uint8Array(e, s, c);
			} else throw TypeError("Unexpected argument[0]: must be 'path' or 'buffer'.");
			let [s, c] = await Pe(o), l = await s.createInferenceSessionHandler(a, c);
			return ft("InferenceSession.create"), ut(), new e(l);
		}
		startProfiling() {
			this.handler.startProfiling();
		}
		endProfiling() {
			this.handler.endProfiling();
		}
		get inputNames() {
			return this.handler.inputNames;
		}
		get outputNames() {
			return this.handler.outputNames;
		}
		get inputMetadata() {
			return this.handler.inputMetadata;
		}
		get outputMetadata() {
			return this.handler.outputMetadata;
		}
	};
}), gt, _t = N(() => {
	ht(), gt = mt;
}), vt = N(() => {}), yt = N(() => {}), bt = N(() => {}), xt = N(() => {});
Oe({}, {
	InferenceSession: () => gt,
	TRACE: () => ct,
	TRACE_EVENT_BEGIN: () => dt,
	TRACE_EVENT_END: () => ft,
	TRACE_FUNC_BEGIN: () => z,
	TRACE_FUNC_END: () => ut,
	Tensor: () => R,
	env: () => I,
	registerBackend: () => Me
});
var B = N(() => {
	Ie(), Ve(), _t(), st(), vt(), yt(), pt(), bt(), xt();
}), St = N(() => {}), Ct = {};
Oe(Ct, { default: () => Tt });
var V, wt, Tt, Et = N(() => {
	Mn(), en(), Gt(), V = "ort-wasm-proxy-worker", wt = globalThis.self?.name === V, wt && (self.onmessage = (e) => {
		let { type: t, in: n } = e.data;
		try {
			switch (t) {
				case "init-wasm":
					$t(n.wasm).then(() => {
						bn(n).then(() => {
							postMessage({ type: t });
						}, (e) => {
							postMessage({
								type: t,
								err: e
							});
						});
					}, (e) => {
						postMessage({
							type: t,
							err: e
						});
					});
					break;
				case "init-ep": {
					let { epName: e, env: r } = n;
					xn(r, e).then(() => {
						postMessage({ type: t });
					}, (e) => {
						postMessage({
							type: t,
							err: e
						});
					});
					break;
				}
				case "copy-from": {
					let { buffer: e } = n, r = Tn(e);
					postMessage({
						type: t,
						out: r
					});
					break;
				}
				case "create": {
					let { model: e, options: r } = n;
					En(e, r).then((e) => {
						postMessage({
							type: t,
							out: e
						});
					}, (e) => {
						postMessage({
							type: t,
							err: e
						});
					});
					break;
				}
				case "release":
					Dn(n), postMessage({ type: t });
					break;
				case "run": {
					let { sessionId: e, inputIndices: r, inputs: i, outputIndices: a, options: o } = n;
					kn(e, r, i, a, Array(a.length).fill(null), o).then((e) => {
						e.some((e) => e[3] !== "cpu") ? postMessage({
							type: t,
							err: "Proxy does not support non-cpu tensor location."
						}) : postMessage({
							type: t,
							out: e
						}, jn([...i, ...e]));
					}, (e) => {
						postMessage({
							type: t,
							err: e
						});
					});
					break;
				}
				case "end-profiling": An(n), postMessage({ type: t });
			}
		} catch (e) {
			postMessage({
				type: t,
				err: e
			});
		}
	}), Tt = wt ? null : (e) => new Worker(e ?? H, {
		type: "module",
		name: V
	});
}), Dt = {};
Oe(Dt, { default: () => kt });
async function Ot(e = {}) {
	var t = e, n = !!globalThis.window, r = !!globalThis.WorkerGlobalScope, i = r && self.name?.startsWith("em-pthread");
	t.mountExternalData = (e, n) => {
		e.startsWith("./") && (e = e.substring(2)), (t.Tb ||= /* @__PURE__ */ new Map()).set(e, n);
	}, t.unmountExternalData = () => {
		delete t.Tb, delete t.mc, delete t.lc, delete t.nc;
	}, globalThis.SharedArrayBuffer ?? new WebAssembly.Memory({
		initial: 0,
		maximum: 0,
		shared: !0
	}).buffer.constructor;
	var a, o, s = (e, t) => {
		throw t;
	}, c = import.meta.url, l = "";
	if (n || r) {
		try {
			l = new URL(".", c).href;
		} catch {}
		r && (o = (e) => {
			var t = new XMLHttpRequest();
			return t.open("GET", e, !1), t.responseType = "arraybuffer", t.send(null), new Uint8Array(t.response);
		}), a = async (e) => {
			if (ee(e)) return new Promise((t, n) => {
				var r = new XMLHttpRequest();
				r.open("GET", e, !0), r.responseType = "arraybuffer", r.onload = () => {
					r.status == 200 || r.status == 0 && r.response ? t(r.response) : n(r.status);
				}, r.onerror = n, r.send(null);
			});
			var t = await fetch(e, { credentials: "same-origin" });
			if (t.ok) return t.arrayBuffer();
			throw Error(t.status + " : " + t.url);
		};
	}
	var u, d, f, p, m, h, g = console.log.bind(console), _ = console.error.bind(console), v = g, y = _, b = !1, ee = (e) => e.startsWith("file://");
	function x() {
		Ee.buffer != C.buffer && ae();
	}
	if (i) {
		let e = function(n) {
			try {
				var r = n.data, i = r.Rb;
				if (i === "load") {
					let n = [];
					self.onmessage = (e) => n.push(e), h = () => {
						postMessage({ Rb: "loaded" });
						for (let t of n) e(t);
						self.onmessage = e;
					};
					for (let e of r.ac) t[e] && !t[e].proxy || (t[e] = (...t) => {
						postMessage({
							Rb: "callHandler",
							$b: e,
							args: t
						});
					}, e == "print" && (v = t[e]), e == "printErr" && (y = t[e]));
					Ee = r.fc, ae(), d = r.hc, le(), tr();
				} else if (i === "run") {
					(function(e) {
						var t = (x(), D)[e + 52 >>> 2 >>> 0];
						e = (x(), D)[e + 56 >>> 2 >>> 0], cn(t, t - e), J(t);
					})(r.Qb), tn(r.Qb, 0, 0, 1, 0, 0), Ce(), st(r.Qb), S ||= !0;
					try {
						N(r.dc, r.Vb);
					} catch (e) {
						if (e != "unwind") throw e;
					}
				} else r.target !== "setimmediate" && (i === "checkMailbox" ? S && ct() : i && (y(`worker: received unknown command ${i}`), y(r)));
			} catch (e) {
				throw G(), e;
			}
		};
		var S = !1;
		self.onunhandledrejection = (e) => {
			throw e.reason || e;
		}, self.onmessage = e;
	}
	var C, w, T, E, D, te, ne, O, re, ie = !1;
	function ae() {
		var e = Ee.buffer;
		t.HEAP8 = C = new Int8Array(e), T = new Int16Array(e), t.HEAPU8 = w = new Uint8Array(e), new Uint16Array(e), t.HEAP32 = E = new Int32Array(e), t.HEAPU32 = D = new Uint32Array(e), te = new Float32Array(e), ne = new Float64Array(e), O = new BigInt64Array(e), new BigUint64Array(e);
	}
	function oe() {
		ie = !0, i ? h() : X.Va();
	}
	function se(e) {
		throw y(e = "Aborted(" + e + ")"), b = !0, e = new WebAssembly.RuntimeError(e + ". Build with -sASSERTIONS for more info."), m?.(e), e;
	}
	function ce() {
		return { a: {
			T: _n,
			f: Ae,
			w: je,
			e: Ie,
			k: Le,
			h: Re,
			L: ze,
			b: F,
			G: Be,
			ua: Ve,
			j: He,
			M: Ke,
			La: qe,
			qa: Je,
			sa: Ye,
			Ma: Xe,
			Ja: Ze,
			Ca: Qe,
			Ia: $e,
			Z: et,
			ra: tt,
			oa: nt,
			Ka: rt,
			pa: it,
			Ra: at,
			Fa: L,
			ma: lt,
			va: ut,
			ja: dt,
			U: ft,
			Ea: st,
			Oa: pt,
			za: mt,
			Aa: vt,
			Ba: yt,
			xa: bt,
			ya: xt,
			ka: Ct,
			Ta: wt,
			Qa: Dt,
			W: kt,
			V: At,
			Pa: Tt,
			F: jt,
			Na: Mt,
			na: Nt,
			u: St,
			H: Pt,
			S: zt,
			la: Bt,
			ba: Rt,
			Ua: Vt,
			Ga: Gt,
			Ha: Kt,
			ta: ve,
			I: qt,
			wa: Jt,
			Y: Yt,
			Da: Xt,
			X: Qt,
			$: $n,
			N: Jn,
			aa: Qn,
			O: qn,
			v: In,
			d: xn,
			m: yn,
			n: vn,
			r: jn,
			ca: Wn,
			E: Un,
			o: wn,
			P: Gn,
			C: Yn,
			J: Hn,
			da: Vn,
			ea: Bn,
			z: Mn,
			fa: Rn,
			Q: zn,
			ga: Ln,
			y: Pn,
			D: Kn,
			c: bn,
			q: Cn,
			i: Sn,
			_: er,
			l: En,
			p: Dn,
			s: Tn,
			t: On,
			x: Nn,
			R: Fn,
			A: Xn,
			K: Z,
			B: Zn,
			ha: An,
			ia: kn,
			g: $t,
			a: Ee,
			Sa: ge
		} };
	}
	async function le() {
		function e(e, n) {
			return X = e.exports, X = (function() {
				var e = X, t = (e) => () => e() >>> 0, n = (e) => (t) => e(t) >>> 0;
				return (e = Object.assign({}, e)).ub = t(e.ub), e.wb = n(e.wb), e.Kb = n(e.Kb), e.Lb = t(e.Lb), e.Pb = n(e.Pb), e;
			})(), xe.push(X.xb), e = X, t._OrtInit = e.Wa, t._OrtGetLastError = e.Xa, t._OrtCreateSessionOptions = e.Ya, t._OrtAppendExecutionProvider = e.Za, t._OrtAddFreeDimensionOverride = e._a, t._OrtAddSessionConfigEntry = e.$a, t._OrtReleaseSessionOptions = e.ab, t._OrtCreateSession = e.bb, t._OrtReleaseSession = e.cb, t._OrtGetInputOutputCount = e.db, t._OrtGetInputOutputMetadata = e.eb, t._OrtFree = e.fb, t._OrtCreateTensor = e.gb, t._OrtGetTensorData = e.hb, t._OrtReleaseTensor = e.ib, t._OrtCreateRunOptions = e.jb, t._OrtAddRunConfigEntry = e.kb, t._OrtReleaseRunOptions = e.lb, t._OrtCreateBinding = e.mb, t._OrtBindInput = e.nb, t._OrtBindOutput = e.ob, t._OrtClearBoundOutputs = e.pb, t._OrtReleaseBinding = e.qb, t._OrtRunWithBinding = e.rb, t._OrtRun = e.sb, t._OrtEndProfiling = e.tb, U = e.ub, en = t._free = e.vb, W = t._malloc = e.wb, tn = e.zb, G = e.Ab, nn = e.Bb, rn = e.Cb, an = e.Db, on = e.Eb, sn = e.Fb, K = e.Gb, q = e.Hb, cn = e.Ib, J = e.Jb, ln = e.Kb, Y = e.Lb, un = e.Mb, dn = e.Nb, fn = e.Ob, pn = e.Pb, mn = e.yb, d = n, X;
		}
		var n, r = ce();
		return t.instantiateWasm ? new Promise((n) => {
			t.instantiateWasm(r, (t, r) => {
				n(e(t, r));
			});
		}) : i ? e(new WebAssembly.Instance(d, ce()), d) : (re ??= t.locateFile ? t.locateFile ? t.locateFile("ort-wasm-simd-threaded.wasm", l) : l + "ort-wasm-simd-threaded.wasm" : "", n = await (async function(e) {
			var t = re;
			if (!u && !ee(t)) try {
				var n = fetch(t, { credentials: "same-origin" });
				return await WebAssembly.instantiateStreaming(n, e);
			} catch (e) {
				y(`wasm streaming compile failed: ${e}`), y("falling back to ArrayBuffer instantiation");
			}
			return (async function(e, t) {
				try {
					var n = await (async function(e) {
						if (!u) try {
							var t = await a(e);
							return new Uint8Array(t);
						} catch {}
						if (e == re && u) e = new Uint8Array(u);
						else {
							if (!o) throw "both async and sync fetching of the wasm failed";
							e = o(e);
						}
						return e;
					})(e);
					return await WebAssembly.instantiate(n, t);
				} catch (e) {
					y(`failed to asynchronously prepare wasm: ${e}`), se(e);
				}
			})(t, e);
		})(r), e(n.instance, n.module));
	}
	class ue {
		name = "ExitStatus";
		constructor(e) {
			this.message = `Program terminated with exit(${e})`, this.status = e;
		}
	}
	var de = (e) => {
		e.terminate(), e.onmessage = () => {};
	}, fe = [], pe = 0, me = null, he = (e) => {
		ye.length == 0 && (Te(), we(ye[0]));
		var t = ye.pop();
		if (!t) return 6;
		be.push(t), j[e.Qb] = t, t.Qb = e.Qb;
		var n = {
			Rb: "run",
			dc: e.cc,
			Vb: e.Vb,
			Qb: e.Qb
		};
		return t.postMessage(n, e.Zb), 0;
	}, k = 0, A = (e, t, ...n) => {
		var r, i = 16 * n.length, a = Y(), o = ln(i), s = o >>> 3;
		for (r of n) typeof r == "bigint" ? ((x(), O)[s++ >>> 0] = 1n, (x(), O)[s++ >>> 0] = r) : ((x(), O)[s++ >>> 0] = 0n, (x(), ne)[s++ >>> 0] = r);
		return e = nn(e, 0, i, o, t), J(a), e;
	};
	function ge(e) {
		if (i) return A(0, 1, e);
		if (f = e, !(0 < k)) {
			for (var t of be) de(t);
			for (t of ye) de(t);
			ye = [], be = [], j = {}, b = !0;
		}
		s(0, new ue(e));
	}
	function _e(e) {
		if (i) return A(1, 0, e);
		ve(e);
	}
	var ve = (e) => {
		if (f = e, i) throw _e(e), "unwind";
		ge(e);
	}, ye = [], be = [], xe = [], j = {}, Se = (e) => {
		var t = e.Qb;
		delete j[t], ye.push(e), be.splice(be.indexOf(e), 1), e.Qb = 0, rn(t);
	};
	function Ce() {
		xe.forEach((e) => e());
	}
	var we = (e) => new Promise((n) => {
		e.onmessage = (r) => {
			var i = r.data;
			if (r = i.Rb, i.Ub && i.Ub != U()) {
				var a = j[i.Ub];
				a ? a.postMessage(i, i.Zb) : y(`Internal error! Worker sent a message "${r}" to target pthread ${i.Ub}, but that thread no longer exists!`);
			} else r === "checkMailbox" ? ct() : r === "spawnThread" ? he(i) : r === "cleanupThread" ? ot(() => {
				Se(j[i.ec]);
			}) : r === "loaded" ? (e.loaded = !0, n(e)) : i.target === "setimmediate" ? e.postMessage(i) : r === "uncaughtException" ? e.onerror(i.error) : r === "callHandler" ? t[i.$b](...i.args) : r && y(`worker sent an unknown command ${r}`);
		}, e.onerror = (e) => {
			throw y(`worker sent an error! ${e.filename}:${e.lineno}: ${e.message}`), e;
		};
		var r, i = [];
		for (r of []) t.propertyIsEnumerable(r) && i.push(r);
		e.postMessage({
			Rb: "load",
			ac: i,
			fc: Ee,
			hc: d
		});
	});
	function Te() {
		var e = new Worker((() => {
			let e = URL;
			return import.meta.url > "file:" && import.meta.url < "file;" ? new e("ort.wasm.bundle.min.mjs", import.meta.url) : new URL(import.meta.url);
		})(), {
			type: "module",
			workerData: "em-pthread",
			name: "em-pthread"
		});
		ye.push(e);
	}
	var Ee, De = [], M = (e) => {
		var t = De[e];
		return t || (De[e] = t = mn.get(e)), t;
	}, N = (e, t) => {
		k = 0, e = M(e)(t), 0 < k ? f = e : an(e);
	}, Oe = [], ke = 0;
	function Ae(e) {
		var t = new Pe(e >>>= 0);
		return (x(), C)[t.Sb + 12 >>> 0] == 0 && (Me(t, !0), ke--), Ne(t, !1), Oe.push(t), pn(e);
	}
	var P = 0, je = () => {
		K(0, 0);
		var e = Oe.pop();
		un(e.Wb), P = 0;
	};
	function Me(e, t) {
		t = +!!t, (x(), C)[e.Sb + 12 >>> 0] = t;
	}
	function Ne(e, t) {
		t = +!!t, (x(), C)[e.Sb + 13 >>> 0] = t;
	}
	class Pe {
		constructor(e) {
			this.Wb = e, this.Sb = e - 24;
		}
	}
	var Fe = (e) => {
		var t = P;
		if (!t) return q(0), 0;
		var n = new Pe(t);
		(x(), D)[n.Sb + 16 >>> 2 >>> 0] = t;
		var r = (x(), D)[n.Sb + 4 >>> 2 >>> 0];
		if (!r) return q(0), t;
		for (var i of e) {
			if (i === 0 || i === r) break;
			if (fn(i, r, n.Sb + 16)) return q(i), t;
		}
		return q(r), t;
	};
	function Ie() {
		return Fe([]);
	}
	function Le(e) {
		return Fe([e >>> 0]);
	}
	function Re(e, t, n, r) {
		return Fe([
			e >>> 0,
			t >>> 0,
			n >>> 0,
			r >>> 0
		]);
	}
	var ze = () => {
		var e = Oe.pop();
		e || se("no exception to throw");
		var t = e.Wb;
		throw (x(), C)[e.Sb + 13 >>> 0] == 0 && (Oe.push(e), Ne(e, !0), Me(e, !1), ke++), dn(t), P = t;
	};
	function F(e, t, n) {
		var r = new Pe(e >>>= 0);
		throw t >>>= 0, n >>>= 0, (x(), D)[r.Sb + 16 >>> 2 >>> 0] = 0, (x(), D)[r.Sb + 4 >>> 2 >>> 0] = t, (x(), D)[r.Sb + 8 >>> 2 >>> 0] = n, dn(e), ke++, P = e;
	}
	var Be = () => ke;
	function I(e, t, n, r) {
		return i ? A(2, 1, e, t, n, r) : Ve(e, t, n, r);
	}
	function Ve(e, t, n, r) {
		if (e >>>= 0, t >>>= 0, n >>>= 0, r >>>= 0, !globalThis.SharedArrayBuffer) return 6;
		var a = [];
		return i && a.length === 0 ? I(e, t, n, r) : (e = {
			cc: n,
			Qb: e,
			Vb: r,
			Zb: a
		}, i ? (e.Rb = "spawnThread", postMessage(e, a), 0) : he(e));
	}
	function He(e) {
		throw P ||= e >>> 0, P;
	}
	var Ue = globalThis.TextDecoder && new TextDecoder(), We = (e, t = 0, n, r) => {
		var i = t >>>= 0;
		if (n = i + n, r) r = n;
		else {
			for (; e[i] && !(i >= n);) ++i;
			r = i;
		}
		if (16 < r - t && e.buffer && Ue) return Ue.decode(e.buffer instanceof ArrayBuffer ? e.subarray(t, r) : e.slice(t, r));
		for (i = ""; t < r;) if (128 & (n = e[t++])) {
			var a = 63 & e[t++];
			if ((224 & n) == 192) i += String.fromCharCode((31 & n) << 6 | a);
			else {
				var o = 63 & e[t++];
				65536 > (n = (240 & n) == 224 ? (15 & n) << 12 | a << 6 | o : (7 & n) << 18 | a << 12 | o << 6 | 63 & e[t++]) ? i += String.fromCharCode(n) : (n -= 65536, i += String.fromCharCode(55296 | n >> 10, 56320 | 1023 & n));
			}
		} else i += String.fromCharCode(n);
		return i;
	}, Ge = (e, t, n) => (e >>>= 0) ? We((x(), w), e, t, n) : "";
	function Ke(e, t, n) {
		return i ? A(3, 1, e, t, n) : 0;
	}
	function qe(e, t) {
		if (i) return A(4, 1, e, t);
	}
	function Je(e, t) {
		if (i) return A(5, 1, e, t);
	}
	function Ye(e, t, n) {
		if (i) return A(6, 1, e, t, n);
	}
	function Xe(e, t, n) {
		return i ? A(7, 1, e, t, n) : 0;
	}
	function Ze(e, t) {
		if (i) return A(8, 1, e, t);
	}
	function Qe(e, t, n) {
		if (i) return A(9, 1, e, t, n);
	}
	function $e(e, t, n, r) {
		if (i) return A(10, 1, e, t, n, r);
	}
	function et(e, t, n, r) {
		if (i) return A(11, 1, e, t, n, r);
	}
	function tt(e, t, n, r) {
		if (i) return A(12, 1, e, t, n, r);
	}
	function nt(e) {
		if (i) return A(13, 1, e);
	}
	function rt(e, t) {
		if (i) return A(14, 1, e, t);
	}
	function it(e, t, n) {
		if (i) return A(15, 1, e, t, n);
	}
	var at = () => se("");
	function L(e) {
		tn(e >>> 0, !r, 1, !n, 131072, !1), Ce();
	}
	var ot = (e) => {
		if (!b) try {
			if (e(), !(0 < k)) try {
				i ? U() && an(f) : ve(f);
			} catch (e) {
				e instanceof ue || e == "unwind" || s(0, e);
			}
		} catch (e) {
			e instanceof ue || e == "unwind" || s(0, e);
		}
	}, R = !Atomics.waitAsync || globalThis.navigator?.userAgent && 91 > Number((navigator.userAgent.match(/Chrom(e|ium)\/([0-9]+)\./) || [])[2]);
	function st(e) {
		e >>>= 0, R || (Atomics.waitAsync((x(), E), e >>> 2, e).value.then(ct), e += 128, Atomics.store((x(), E), e >>> 2, 1));
	}
	var ct = () => ot(() => {
		var e = U();
		e && (st(e), sn());
	});
	function lt(e, t) {
		(e >>>= 0) == t >>> 0 ? setTimeout(ct) : i ? postMessage({
			Ub: e,
			Rb: "checkMailbox"
		}) : (e = j[e]) && e.postMessage({ Rb: "checkMailbox" });
	}
	var z = [];
	function ut(e, t, n, r, i) {
		for (t >>>= 0, i >>>= 0, z.length = 0, n = i >>> 3, r = i + r >>> 3; n < r;) {
			var a = (x(), O)[n++ >>> 0] ? (x(), O)[n++ >>> 0] : (x(), ne)[n++ >>> 0];
			z.push(a);
		}
		return (t ? gn[t] : hn[e])(...z);
	}
	var dt = () => {
		k = 0;
	};
	function ft(e) {
		e >>>= 0, i ? postMessage({
			Rb: "cleanupThread",
			ec: e
		}) : Se(j[e]);
	}
	function pt(e) {}
	function mt(e, t) {
		e = -0x20000000000000 > e || 0x20000000000000 < e ? NaN : Number(e), t >>>= 0, e = /* @__PURE__ */ new Date(1e3 * e), (x(), E)[t >>> 2 >>> 0] = e.getUTCSeconds(), (x(), E)[t + 4 >>> 2 >>> 0] = e.getUTCMinutes(), (x(), E)[t + 8 >>> 2 >>> 0] = e.getUTCHours(), (x(), E)[t + 12 >>> 2 >>> 0] = e.getUTCDate(), (x(), E)[t + 16 >>> 2 >>> 0] = e.getUTCMonth(), (x(), E)[t + 20 >>> 2 >>> 0] = e.getUTCFullYear() - 1900, (x(), E)[t + 24 >>> 2 >>> 0] = e.getUTCDay(), e = (e.getTime() - Date.UTC(e.getUTCFullYear(), 0, 1, 0, 0, 0, 0)) / 864e5 | 0, (x(), E)[t + 28 >>> 2 >>> 0] = e;
	}
	var ht = (e) => e % 4 == 0 && (e % 100 != 0 || e % 400 == 0), gt = [
		0,
		31,
		60,
		91,
		121,
		152,
		182,
		213,
		244,
		274,
		305,
		335
	], _t = [
		0,
		31,
		59,
		90,
		120,
		151,
		181,
		212,
		243,
		273,
		304,
		334
	];
	function vt(e, t) {
		e = -0x20000000000000 > e || 0x20000000000000 < e ? NaN : Number(e), t >>>= 0, e = /* @__PURE__ */ new Date(1e3 * e), (x(), E)[t >>> 2 >>> 0] = e.getSeconds(), (x(), E)[t + 4 >>> 2 >>> 0] = e.getMinutes(), (x(), E)[t + 8 >>> 2 >>> 0] = e.getHours(), (x(), E)[t + 12 >>> 2 >>> 0] = e.getDate(), (x(), E)[t + 16 >>> 2 >>> 0] = e.getMonth(), (x(), E)[t + 20 >>> 2 >>> 0] = e.getFullYear() - 1900, (x(), E)[t + 24 >>> 2 >>> 0] = e.getDay();
		var n = (ht(e.getFullYear()) ? gt : _t)[e.getMonth()] + e.getDate() - 1 | 0;
		(x(), E)[t + 28 >>> 2 >>> 0] = n, (x(), E)[t + 36 >>> 2 >>> 0] = -60 * e.getTimezoneOffset(), n = new Date(e.getFullYear(), 6, 1).getTimezoneOffset();
		var r = new Date(e.getFullYear(), 0, 1).getTimezoneOffset();
		e = 0 | (n != r && e.getTimezoneOffset() == Math.min(r, n)), (x(), E)[t + 32 >>> 2 >>> 0] = e;
	}
	function yt(e) {
		e >>>= 0;
		var t = new Date((x(), E)[e + 20 >>> 2 >>> 0] + 1900, (x(), E)[e + 16 >>> 2 >>> 0], (x(), E)[e + 12 >>> 2 >>> 0], (x(), E)[e + 8 >>> 2 >>> 0], (x(), E)[e + 4 >>> 2 >>> 0], (x(), E)[e >>> 2 >>> 0], 0), n = (x(), E)[e + 32 >>> 2 >>> 0], r = t.getTimezoneOffset(), i = new Date(t.getFullYear(), 6, 1).getTimezoneOffset(), a = new Date(t.getFullYear(), 0, 1).getTimezoneOffset(), o = Math.min(a, i);
		return 0 > n ? (x(), E)[e + 32 >>> 2 >>> 0] = +(i != a && o == r) : 0 < n != (o == r) && (i = Math.max(a, i), t.setTime(t.getTime() + 6e4 * ((0 < n ? o : i) - r))), (x(), E)[e + 24 >>> 2 >>> 0] = t.getDay(), n = (ht(t.getFullYear()) ? gt : _t)[t.getMonth()] + t.getDate() - 1 | 0, (x(), E)[e + 28 >>> 2 >>> 0] = n, (x(), E)[e >>> 2 >>> 0] = t.getSeconds(), (x(), E)[e + 4 >>> 2 >>> 0] = t.getMinutes(), (x(), E)[e + 8 >>> 2 >>> 0] = t.getHours(), (x(), E)[e + 12 >>> 2 >>> 0] = t.getDate(), (x(), E)[e + 16 >>> 2 >>> 0] = t.getMonth(), (x(), E)[e + 20 >>> 2 >>> 0] = t.getYear(), e = t.getTime(), BigInt(isNaN(e) ? -1 : e / 1e3);
	}
	function bt(e, t, n, r, a, o, s) {
		return i ? A(16, 1, e, t, n, r, a, o, s) : -52;
	}
	function xt(e, t, n, r, a, o) {
		if (i) return A(17, 1, e, t, n, r, a, o);
	}
	var B = {}, St = () => performance.timeOrigin + performance.now();
	function Ct(e, t) {
		return i ? A(18, 1, e, t) : (B[e] && (clearTimeout(B[e].id), delete B[e]), t && (B[e] = {
			id: setTimeout(() => {
				delete B[e], ot(() => on(e, performance.timeOrigin + performance.now()));
			}, t),
			oc: t
		}), 0);
	}
	var V = (e, t, n) => {
		var r = (x(), w);
		if (t >>>= 0, 0 < n) {
			var i = t;
			n = t + n - 1;
			for (var a = 0; a < e.length; ++a) {
				var o = e.codePointAt(a);
				if (127 >= o) {
					if (t >= n) break;
					r[t++ >>> 0] = o;
				} else if (2047 >= o) {
					if (t + 1 >= n) break;
					r[t++ >>> 0] = 192 | o >> 6, r[t++ >>> 0] = 128 | 63 & o;
				} else if (65535 >= o) {
					if (t + 2 >= n) break;
					r[t++ >>> 0] = 224 | o >> 12, r[t++ >>> 0] = 128 | o >> 6 & 63, r[t++ >>> 0] = 128 | 63 & o;
				} else {
					if (t + 3 >= n) break;
					r[t++ >>> 0] = 240 | o >> 18, r[t++ >>> 0] = 128 | o >> 12 & 63, r[t++ >>> 0] = 128 | o >> 6 & 63, r[t++ >>> 0] = 128 | 63 & o, a++;
				}
			}
			r[t >>> 0] = 0, e = t - i;
		} else e = 0;
		return e;
	};
	function wt(e, t, n, r) {
		e >>>= 0, t >>>= 0, n >>>= 0, r >>>= 0;
		var i = (/* @__PURE__ */ new Date()).getFullYear(), a = new Date(i, 0, 1).getTimezoneOffset();
		i = new Date(i, 6, 1).getTimezoneOffset();
		var o = Math.max(a, i);
		(x(), D)[e >>> 2 >>> 0] = 60 * o, (x(), E)[t >>> 2 >>> 0] = +(a != i), e = (t = (e) => {
			var t = Math.abs(e);
			return `UTC${0 <= e ? "-" : "+"}${String(Math.floor(t / 60)).padStart(2, "0")}${String(t % 60).padStart(2, "0")}`;
		})(a), t = t(i), i < a ? (V(e, n, 17), V(t, r, 17)) : (V(e, r, 17), V(t, n, 17));
	}
	var Tt = () => Date.now(), Et = 1;
	function Dt(e, t, n) {
		if (n >>>= 0, !(0 <= e && 3 >= e)) return 28;
		if (e === 0) e = Date.now();
		else {
			if (!Et) return 52;
			e = performance.timeOrigin + performance.now();
		}
		return e = Math.round(1e6 * e), (x(), O)[n >>> 3 >>> 0] = BigInt(e), 0;
	}
	var Ot = [];
	function kt(e, t, n) {
		e >>>= 0, t >>>= 0, n >>>= 0, Ot.length = 0;
		for (var r; r = (x(), w)[t++ >>> 0];) {
			var i = r != 105;
			n += (i &= r != 112) && n % 8 ? 4 : 0, Ot.push(r == 112 ? (x(), D)[n >>> 2 >>> 0] : r == 106 ? (x(), O)[n >>> 3 >>> 0] : r == 105 ? (x(), E)[n >>> 2 >>> 0] : (x(), ne)[n >>> 3 >>> 0]), n += i ? 8 : 4;
		}
		return gn[e](...Ot);
	}
	var At = () => {};
	function jt(e, t) {
		return y(Ge(e >>> 0, t >>> 0));
	}
	var Mt = () => {
		throw k += 1, "unwind";
	};
	function Nt() {
		return 0xffff0000;
	}
	var Pt = () => navigator.hardwareConcurrency, H = {}, Ft = (e) => {
		for (var t = 0, n = 0; n < e.length; ++n) {
			var r = e.charCodeAt(n);
			127 >= r ? t++ : 2047 >= r ? t += 2 : 55296 <= r && 57343 >= r ? (t += 4, ++n) : t += 3;
		}
		return t;
	}, It = (e) => {
		var t;
		return (t = /\bwasm-function\[\d+\]:(0x[0-9a-f]+)/.exec(e)) ? +t[1] : (t = /:(\d+):\d+(?:\)|$)/.exec(e)) ? 0x80000000 | t[1] : 0;
	}, Lt = (e) => {
		for (var t of e) (e = It(t)) && (H[e] = t);
	};
	function Rt() {
		var e = Error().stack.toString().split("\n");
		return e[0] == "Error" && e.shift(), Lt(e), H.Xb = It(e[3]), H.bc = e, H.Xb;
	}
	function zt(e) {
		if (!(e = H[e >>> 0])) return 0;
		var t;
		if (t = /^\s+at .*\.wasm\.(.*) \(.*\)$/.exec(e)) e = t[1];
		else if (t = /^\s+at (.*) \(.*\)$/.exec(e)) e = t[1];
		else {
			if (!(t = /^(.+?)@/.exec(e))) return 0;
			e = t[1];
		}
		en(zt.Yb ?? 0), t = Ft(e) + 1;
		var n = W(t);
		return n && V(e, n, t), zt.Yb = n, zt.Yb;
	}
	function Bt(e) {
		e >>>= 0;
		var t = (x(), w).length;
		if (e <= t || 0xffff0000 < e) return !1;
		for (var n = 1; 4 >= n; n *= 2) {
			var r = t * (1 + .2 / n);
			r = Math.min(r, e + 0x6000000);
			e: {
				r = (Math.min(0xffff0000, 65536 * Math.ceil(Math.max(e, r) / 65536)) - Ee.buffer.byteLength + 65535) / 65536 | 0;
				try {
					Ee.grow(r), ae();
					var i = 1;
					break e;
				} catch {}
				i = void 0;
			}
			if (i) return !0;
		}
		return !1;
	}
	function Vt(e, t, n) {
		if (e >>>= 0, t >>>= 0, H.Xb == e) var r = H.bc;
		else (r = Error().stack.toString().split("\n"))[0] == "Error" && r.shift(), Lt(r);
		for (var i = 3; r[i] && It(r[i]) != e;) ++i;
		for (e = 0; e < n && r[e + i]; ++e) (x(), E)[t + 4 * e >>> 2 >>> 0] = It(r[e + i]);
		return e;
	}
	var Ht, Ut = {}, Wt = () => {
		if (!Ht) {
			var e, t = {
				USER: "web_user",
				LOGNAME: "web_user",
				PATH: "/",
				PWD: "/",
				HOME: "/home/web_user",
				LANG: (globalThis.navigator?.language ?? "C").replace("-", "_") + ".UTF-8",
				_: "./this.program"
			};
			for (e in Ut) Ut[e] === void 0 ? delete t[e] : t[e] = Ut[e];
			var n = [];
			for (e in t) n.push(`${e}=${t[e]}`);
			Ht = n;
		}
		return Ht;
	};
	function Gt(e, t) {
		if (i) return A(19, 1, e, t);
		e >>>= 0, t >>>= 0;
		var n, r = 0, a = 0;
		for (n of Wt()) {
			var o = t + r;
			(x(), D)[e + a >>> 2 >>> 0] = o, r += V(n, o, 1 / 0) + 1, a += 4;
		}
		return 0;
	}
	function Kt(e, t) {
		if (i) return A(20, 1, e, t);
		e >>>= 0, t >>>= 0;
		var n = Wt();
		for (var r of ((x(), D)[e >>> 2 >>> 0] = n.length, e = 0, n)) e += Ft(r) + 1;
		return (x(), D)[t >>> 2 >>> 0] = e, 0;
	}
	function qt(e) {
		return i ? A(21, 1, e) : 52;
	}
	function Jt(e, t, n, r, a) {
		return i ? A(22, 1, e, t, n, r, a) : 52;
	}
	function Yt(e, t, n, r) {
		return i ? A(23, 1, e, t, n, r) : 52;
	}
	function Xt(e, t, n, r) {
		return i ? A(24, 1, e, t, n, r) : 70;
	}
	var Zt = [
		null,
		[],
		[]
	];
	function Qt(e, t, n, r) {
		if (i) return A(25, 1, e, t, n, r);
		t >>>= 0, n >>>= 0, r >>>= 0;
		for (var a = 0, o = 0; o < n; o++) {
			var s = (x(), D)[t >>> 2 >>> 0], c = (x(), D)[t + 4 >>> 2 >>> 0];
			t += 8;
			for (var l = 0; l < c; l++) {
				var u = e, d = (x(), w)[s + l >>> 0], f = Zt[u];
				d === 0 || d === 10 ? ((u === 1 ? v : y)(We(f)), f.length = 0) : f.push(d);
			}
			a += c;
		}
		return (x(), D)[r >>> 2 >>> 0] = a, 0;
	}
	function $t(e) {
		return e >>> 0;
	}
	i || (function() {
		for (var e = t.numThreads - 1; e--;) Te();
		fe.push(async () => {
			var e = (async function() {
				if (!i) return Promise.all(ye.map(we));
			})();
			pe++, await e, --pe == 0 && me && (e = me, me = null, e());
		});
	})(), i || (Ee = new WebAssembly.Memory({
		initial: 256,
		maximum: 65536,
		shared: !0
	}), ae()), t.wasmBinary && (u = t.wasmBinary), t.stackSave = () => Y(), t.stackRestore = (e) => J(e), t.stackAlloc = (e) => ln(e), t.setValue = function(e, t, n = "i8") {
		switch (n.endsWith("*") && (n = "*"), n) {
			case "i1":
			case "i8":
				(x(), C)[e >>> 0] = t;
				break;
			case "i16":
				(x(), T)[e >>> 1 >>> 0] = t;
				break;
			case "i32":
				(x(), E)[e >>> 2 >>> 0] = t;
				break;
			case "i64":
				(x(), O)[e >>> 3 >>> 0] = BigInt(t);
				break;
			case "float":
				(x(), te)[e >>> 2 >>> 0] = t;
				break;
			case "double":
				(x(), ne)[e >>> 3 >>> 0] = t;
				break;
			case "*":
				(x(), D)[e >>> 2 >>> 0] = t;
				break;
			default: se(`invalid type for setValue: ${n}`);
		}
	}, t.getValue = function(e, t = "i8") {
		switch (t.endsWith("*") && (t = "*"), t) {
			case "i1":
			case "i8": return (x(), C)[e >>> 0];
			case "i16": return (x(), T)[e >>> 1 >>> 0];
			case "i32": return (x(), E)[e >>> 2 >>> 0];
			case "i64": return (x(), O)[e >>> 3 >>> 0];
			case "float": return (x(), te)[e >>> 2 >>> 0];
			case "double": return (x(), ne)[e >>> 3 >>> 0];
			case "*": return (x(), D)[e >>> 2 >>> 0];
			default: se(`invalid type for getValue: ${t}`);
		}
	}, t.UTF8ToString = Ge, t.stringToUTF8 = V, t.lengthBytesUTF8 = Ft;
	var U, en, W, tn, G, nn, rn, an, on, sn, K, q, cn, J, ln, Y, un, dn, fn, pn, mn, X, hn = [
		ge,
		_e,
		I,
		Ke,
		qe,
		Je,
		Ye,
		Xe,
		Ze,
		Qe,
		$e,
		et,
		tt,
		nt,
		rt,
		it,
		bt,
		xt,
		Ct,
		Gt,
		Kt,
		qt,
		Jt,
		Yt,
		Xt,
		Qt
	], gn = {
		0xfe8ac: (e, n, r, i, a) => {
			if (t === void 0 || !t.Tb) return 1;
			if ((e = Ge(Number(e >>> 0))).startsWith("./") && (e = e.substring(2)), !(e = t.Tb.get(e))) return 2;
			if (n = Number(n >>> 0), r = Number(r >>> 0), i = Number(i >>> 0), n + r > e.byteLength) return 3;
			try {
				let o = e.subarray(n, n + r);
				switch (a) {
					case 0:
						(x(), w).set(o, i >>> 0);
						break;
					case 1:
						t.ic ? t.ic(i, o) : t.kc(i, o);
						break;
					default: return 4;
				}
				return 0;
			} catch {
				return 4;
			}
		},
		0xfebe4: () => typeof wasmOffsetConverter < "u"
	};
	function _n() {
		return typeof wasmOffsetConverter < "u";
	}
	function vn(e, t, n, r) {
		var i = Y();
		try {
			return M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function yn(e, t, n) {
		var r = Y();
		try {
			return M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function bn(e) {
		var t = Y();
		try {
			M(e)();
		} catch (e) {
			if (J(t), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function xn(e, t) {
		var n = Y();
		try {
			return M(e)(t);
		} catch (e) {
			if (J(n), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Sn(e, t, n) {
		var r = Y();
		try {
			M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Cn(e, t) {
		var n = Y();
		try {
			M(e)(t);
		} catch (e) {
			if (J(n), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function wn(e, t, n, r, i, a, o) {
		var s = Y();
		try {
			return M(e)(t, n, r, i, a, o);
		} catch (e) {
			if (J(s), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Tn(e, t, n, r, i, a) {
		var o = Y();
		try {
			M(e)(t, n, r, i, a);
		} catch (e) {
			if (J(o), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function En(e, t, n, r) {
		var i = Y();
		try {
			M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Dn(e, t, n, r, i) {
		var a = Y();
		try {
			M(e)(t, n, r, i);
		} catch (e) {
			if (J(a), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function On(e, t, n, r, i, a, o) {
		var s = Y();
		try {
			M(e)(t, n, r, i, a, o);
		} catch (e) {
			if (J(s), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function kn(e, t, n, r, i, a, o) {
		var s = Y();
		try {
			M(e)(t, n, r, i, a, o);
		} catch (e) {
			if (J(s), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function An(e, t, n, r, i, a, o, s) {
		var c = Y();
		try {
			M(e)(t, n, r, i, a, o, s);
		} catch (e) {
			if (J(c), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function jn(e, t, n, r, i) {
		var a = Y();
		try {
			return M(e)(t, n, r, i);
		} catch (e) {
			if (J(a), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Mn(e, t, n) {
		var r = Y();
		try {
			return M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Nn(e, t, n, r, i, a, o, s) {
		var c = Y();
		try {
			M(e)(t, n, r, i, a, o, s);
		} catch (e) {
			if (J(c), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Z(e, t, n, r, i, a, o, s, c, l, u, d) {
		var f = Y();
		try {
			M(e)(t, n, r, i, a, o, s, c, l, u, d);
		} catch (e) {
			if (J(f), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Pn(e, t, n) {
		var r = Y();
		try {
			return M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			return K(1, 0), 0n;
		}
	}
	function Fn(e, t, n, r, i, a, o, s, c) {
		var l = Y();
		try {
			M(e)(t, n, r, i, a, o, s, c);
		} catch (e) {
			if (J(l), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function In(e) {
		var t = Y();
		try {
			return M(e)();
		} catch (e) {
			if (J(t), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Ln(e, t) {
		var n = Y();
		try {
			return M(e)(t);
		} catch (e) {
			if (J(n), e !== e + 0) throw e;
			return K(1, 0), 0n;
		}
	}
	function Rn(e, t, n, r) {
		var i = Y();
		try {
			return M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function zn(e) {
		var t = Y();
		try {
			return M(e)();
		} catch (e) {
			if (J(t), e !== e + 0) throw e;
			return K(1, 0), 0n;
		}
	}
	function Bn(e, t, n, r) {
		var i = Y();
		try {
			return M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Vn(e, t, n, r, i) {
		var a = Y();
		try {
			return M(e)(t, n, r, i);
		} catch (e) {
			if (J(a), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Hn(e, t, n, r, i, a) {
		var o = Y();
		try {
			return M(e)(t, n, r, i, a);
		} catch (e) {
			if (J(o), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Un(e, t, n, r, i, a) {
		var o = Y();
		try {
			return M(e)(t, n, r, i, a);
		} catch (e) {
			if (J(o), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Wn(e, t, n, r, i, a) {
		var o = Y();
		try {
			return M(e)(t, n, r, i, a);
		} catch (e) {
			if (J(o), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Gn(e, t, n, r, i, a, o, s) {
		var c = Y();
		try {
			return M(e)(t, n, r, i, a, o, s);
		} catch (e) {
			if (J(c), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Kn(e, t, n, r, i) {
		var a = Y();
		try {
			return M(e)(t, n, r, i);
		} catch (e) {
			if (J(a), e !== e + 0) throw e;
			return K(1, 0), 0n;
		}
	}
	function qn(e, t, n, r) {
		var i = Y();
		try {
			return M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Jn(e, t, n, r) {
		var i = Y();
		try {
			return M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Yn(e, t, n, r, i, a, o, s, c, l, u, d) {
		var f = Y();
		try {
			return M(e)(t, n, r, i, a, o, s, c, l, u, d);
		} catch (e) {
			if (J(f), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Xn(e, t, n, r, i, a, o, s, c, l, u) {
		var d = Y();
		try {
			M(e)(t, n, r, i, a, o, s, c, l, u);
		} catch (e) {
			if (J(d), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Zn(e, t, n, r, i, a, o, s, c, l, u, d, f, p, m, h) {
		var g = Y();
		try {
			M(e)(t, n, r, i, a, o, s, c, l, u, d, f, p, m, h);
		} catch (e) {
			if (J(g), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function Qn(e, t, n) {
		var r = Y();
		try {
			return M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function $n(e, t, n) {
		var r = Y();
		try {
			return M(e)(t, n);
		} catch (e) {
			if (J(r), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function er(e, t, n, r) {
		var i = Y();
		try {
			M(e)(t, n, r);
		} catch (e) {
			if (J(i), e !== e + 0) throw e;
			K(1, 0);
		}
	}
	function tr() {
		if (0 < pe) me = tr;
		else if (i) p?.(t), oe();
		else {
			for (var e = fe; 0 < e.length;) e.shift()(t);
			0 < pe ? me = tr : (t.calledRun = !0, b || (oe(), p?.(t)));
		}
	}
	return i || (X = await le(), tr()), t.PTR_SIZE = 4, ie ? t : new Promise((e, t) => {
		p = e, m = t;
	});
}
var kt, At, jt = N(() => {
	kt = Ot, At = globalThis.self?.name?.startsWith("em-pthread"), At && Ot();
}), Mt, Nt, Pt, H, Ft, It, Lt, Rt, zt, Bt, Vt, Ht, Ut, Wt, Gt = N(() => {
	St(), Mt = typeof location > "u" ? void 0 : location.origin, Nt = import.meta.url > "file:" && import.meta.url < "file;", Pt = () => Nt ? new URL(new URL("ort.wasm.bundle.min.mjs", import.meta.url).href, Mt).href : import.meta.url, H = Pt(), Ft = () => {
		if (H && !H.startsWith("blob:")) return H.substring(0, H.lastIndexOf("/") + 1);
	}, It = (e, t) => {
		try {
			let n = t ?? H;
			return (n ? new URL(e, n) : new URL(e)).origin === Mt;
		} catch {
			return !1;
		}
	}, Lt = (e, t) => {
		let n = t ?? H;
		try {
			return (n ? new URL(e, n) : new URL(e)).href;
		} catch {
			return;
		}
	}, Rt = (e, t) => `${t ?? "./"}${e}`, zt = async (e) => {
		let t = await (await fetch(e, { credentials: "same-origin" })).blob();
		return URL.createObjectURL(t);
	}, Bt = async (e) => (await import(
		/*webpackIgnore:true*/
		/*@vite-ignore*/
		e
)).default, Vt = (Et(), Ae(Ct)).default, Ht = async () => {
		if (!H) throw Error("Failed to load proxy worker: cannot determine the script source URL.");
		if (It(H)) return [void 0, Vt()];
		let e = await zt(H);
		return [e, Vt(e)];
	}, Ut = (jt(), Ae(Dt)).default, Wt = async (e, t, n, r) => {
		let i = Ut && !(e || t);
		if (i) {
			if (H) i = It(H) || r && !n;
			else if (r && !n) i = !0;
			else throw Error("cannot determine the script source URL.");
		}
		if (i) return [void 0, Ut];
		{
			let r = "ort-wasm-simd-threaded.mjs", i = e ?? Lt(r, t), a = n && i && !It(i, t), o = a ? await zt(i) : i ?? Rt(r, t);
			return [a ? o : void 0, await Bt(o)];
		}
	};
}), Kt, qt, Jt, Yt, Xt, Zt, Qt, $t, U, en = N(() => {
	Gt(), qt = !1, Jt = !1, Yt = !1, Xt = () => {
		if (typeof SharedArrayBuffer > "u") return !1;
		try {
			return typeof MessageChannel < "u" && new MessageChannel().port1.postMessage(new SharedArrayBuffer(1)), WebAssembly.validate(new Uint8Array([
				0,
				97,
				115,
				109,
				1,
				0,
				0,
				0,
				1,
				4,
				1,
				96,
				0,
				0,
				3,
				2,
				1,
				0,
				5,
				4,
				1,
				3,
				1,
				1,
				10,
				11,
				1,
				9,
				0,
				65,
				0,
				254,
				16,
				2,
				0,
				26,
				11
			]));
		} catch {
			return !1;
		}
	}, Zt = () => {
		try {
			return WebAssembly.validate(new Uint8Array([
				0,
				97,
				115,
				109,
				1,
				0,
				0,
				0,
				1,
				4,
				1,
				96,
				0,
				0,
				3,
				2,
				1,
				0,
				10,
				30,
				1,
				28,
				0,
				65,
				0,
				253,
				15,
				253,
				12,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				0,
				253,
				186,
				1,
				26,
				11
			]));
		} catch {
			return !1;
		}
	}, Qt = () => {
		try {
			return WebAssembly.validate(new Uint8Array([
				0,
				97,
				115,
				109,
				1,
				0,
				0,
				0,
				1,
				5,
				1,
				96,
				0,
				1,
				123,
				3,
				2,
				1,
				0,
				10,
				19,
				1,
				17,
				0,
				65,
				1,
				253,
				15,
				65,
				2,
				253,
				15,
				65,
				3,
				253,
				15,
				253,
				147,
				2,
				11
			]));
		} catch {
			return !1;
		}
	}, $t = async (e) => {
		if (qt) return Promise.resolve();
		if (Jt) throw Error("multiple calls to 'initializeWebAssembly()' detected.");
		if (Yt) throw Error("previous call to 'initializeWebAssembly()' failed.");
		Jt = !0;
		let t = e.initTimeout, n = e.numThreads;
		if (e.simd !== !1) {
			if (e.simd === "relaxed") {
				if (!Qt()) throw Error("Relaxed WebAssembly SIMD is not supported in the current environment.");
			} else if (!Zt()) throw Error("WebAssembly SIMD is not supported in the current environment.");
		}
		let r = Xt();
		n > 1 && !r && (typeof self < "u" && !self.crossOriginIsolated && console.warn("env.wasm.numThreads is set to " + n + ", but this will not work unless you enable crossOriginIsolated mode. See https://web.dev/cross-origin-isolation-guide/ for more info."), console.warn("WebAssembly multi-threading is not supported in the current environment. Falling back to single-threading."), e.numThreads = n = 1);
		let i = e.wasmPaths, a = typeof i == "string" ? i : void 0, o = i?.mjs, s = o?.href ?? o, c = i?.wasm, l = c?.href ?? c, u = e.wasmBinary, [d, f] = await Wt(s, a, n > 1, !!u || !!l), p = !1, m = [];
		if (t > 0 && m.push(new Promise((e) => {
			setTimeout(() => {
				p = !0, e();
			}, t);
		})), m.push(new Promise((e, t) => {
			let r = { numThreads: n };
			if (u) r.wasmBinary = u, r.locateFile = (e) => e;
			else if (l || a) r.locateFile = (e) => l ?? a + e;
			else if (s && s.indexOf("blob:") !== 0) r.locateFile = (e) => new URL(e, s).href;
			else if (d) {
				let e = Ft();
				e && (r.locateFile = (t) => e + t);
			}
			f(r).then((t) => {
				Jt = !1, qt = !0, Kt = t, e(), d && URL.revokeObjectURL(d);
			}, (e) => {
				Jt = !1, Yt = !0, t(e);
			});
		})), await Promise.race(m), p) throw Error(`WebAssembly backend initializing failed due to timeout: ${t}ms`);
	}, U = () => {
		if (qt && Kt) return Kt;
		throw Error("WebAssembly is not initialized yet.");
	};
}), W, tn, G, nn = N(() => {
	en(), W = (e, t) => {
		let n = U(), r = n.lengthBytesUTF8(e) + 1, i = n._malloc(r);
		return n.stringToUTF8(e, i, r), t.push(i), i;
	}, tn = (e, t, n, r) => {
		if (typeof e == "object" && e) {
			if (n.has(e)) throw Error("Circular reference in options");
			n.add(e);
		}
		Object.entries(e).forEach(([e, i]) => {
			let a = t ? t + e : e;
			if (typeof i == "object") tn(i, a + ".", n, r);
			else if (typeof i == "string" || typeof i == "number") r(a, i.toString());
			else if (typeof i == "boolean") r(a, i ? "1" : "0");
			else throw Error(`Can't handle extra config type: ${typeof i}`);
		});
	}, G = (e) => {
		let t = U(), n = t.stackSave();
		try {
			let n = t.PTR_SIZE, r = t.stackAlloc(2 * n);
			t._OrtGetLastError(r, r + n);
			let i = Number(t.getValue(r, n === 4 ? "i32" : "i64")), a = t.getValue(r + n, "*"), o = a ? t.UTF8ToString(a) : "";
			throw Error(`${e} ERROR_CODE: ${i}, ERROR_MESSAGE: ${o}`);
		} finally {
			t.stackRestore(n);
		}
	};
}), rn, an = N(() => {
	en(), nn(), rn = (e) => {
		let t = U(), n = 0, r = [], i = e || {};
		try {
			if (e?.logSeverityLevel === void 0) i.logSeverityLevel = 2;
			else if (typeof e.logSeverityLevel != "number" || !Number.isInteger(e.logSeverityLevel) || e.logSeverityLevel < 0 || e.logSeverityLevel > 4) throw Error(`log severity level is not valid: ${e.logSeverityLevel}`);
			if (e?.logVerbosityLevel === void 0) i.logVerbosityLevel = 0;
			else if (typeof e.logVerbosityLevel != "number" || !Number.isInteger(e.logVerbosityLevel)) throw Error(`log verbosity level is not valid: ${e.logVerbosityLevel}`);
			e?.terminate === void 0 && (i.terminate = !1);
			let a = 0;
			return e?.tag !== void 0 && (a = W(e.tag, r)), n = t._OrtCreateRunOptions(i.logSeverityLevel, i.logVerbosityLevel, !!i.terminate, a), n === 0 && G("Can't create run options."), e?.extra !== void 0 && tn(e.extra, "", /* @__PURE__ */ new WeakSet(), (e, i) => {
				let a = W(e, r), o = W(i, r);
				t._OrtAddRunConfigEntry(n, a, o) !== 0 && G(`Can't set a run config entry: ${e} - ${i}.`);
			}), [n, r];
		} catch (e) {
			throw n !== 0 && t._OrtReleaseRunOptions(n), r.forEach((e) => t._free(e)), e;
		}
	};
}), on, sn, K, q, cn, J, ln = N(() => {
	en(), nn(), on = (e) => {
		switch (e) {
			case "disabled": return 0;
			case "basic": return 1;
			case "extended": return 2;
			case "layout": return 3;
			case "all": return 99;
			default: throw Error(`unsupported graph optimization level: ${e}`);
		}
	}, sn = (e) => {
		switch (e) {
			case "sequential": return 0;
			case "parallel": return 1;
			default: throw Error(`unsupported execution mode: ${e}`);
		}
	}, K = (e) => {
		e.extra ||= {}, e.extra.session || (e.extra.session = {});
		let t = e.extra.session;
		t.use_ort_model_bytes_directly ||= "1", e.executionProviders && e.executionProviders.some((e) => (typeof e == "string" ? e : e.name) === "webgpu") && (e.enableMemPattern = !1);
	}, q = (e, t, n, r) => {
		let i = W(t, r), a = W(n, r);
		U()._OrtAddSessionConfigEntry(e, i, a) !== 0 && G(`Can't set a session config entry: ${t} - ${n}.`);
	}, cn = async (e, t, n) => {
		let r = t.executionProviders;
		for (let t of r) {
			let r = typeof t == "string" ? t : t.name, i = [];
			switch (r) {
				case "webnn":
					if (r = "WEBNN", q(e, "session.disable_quant_qdq", "1", n), q(e, "session.disable_qdq_constant_folding", "1", n), typeof t != "string") {
						let r = t?.deviceType;
						r && q(e, "deviceType", r, n);
					}
					break;
				case "webgpu":
					if (r = "JS", typeof t != "string") {
						let r = t;
						if (r?.preferredLayout) {
							if (r.preferredLayout !== "NCHW" && r.preferredLayout !== "NHWC") throw Error(`preferredLayout must be either 'NCHW' or 'NHWC': ${r.preferredLayout}`);
							q(e, "preferredLayout", r.preferredLayout, n);
						}
					}
					break;
				case "wasm":
				case "cpu": continue;
				default: throw Error(`not supported execution provider: ${r}`);
			}
			let a = W(r, n), o = i.length, s = 0, c = 0;
			if (o > 0) {
				s = U()._malloc(o * U().PTR_SIZE), n.push(s), c = U()._malloc(o * U().PTR_SIZE), n.push(c);
				for (let e = 0; e < o; e++) U().setValue(s + e * U().PTR_SIZE, i[e][0], "*"), U().setValue(c + e * U().PTR_SIZE, i[e][1], "*");
			}
			await U()._OrtAppendExecutionProvider(e, a, s, c, o) !== 0 && G(`Can't append execution provider: ${r}.`);
		}
	}, J = async (e) => {
		let t = U(), n = 0, r = [], i = e || {};
		K(i);
		try {
			let e = on(i.graphOptimizationLevel ?? "all"), a = sn(i.executionMode ?? "sequential"), o = typeof i.logId == "string" ? W(i.logId, r) : 0, s = i.logSeverityLevel ?? 2;
			if (!Number.isInteger(s) || s < 0 || s > 4) throw Error(`log severity level is not valid: ${s}`);
			let c = i.logVerbosityLevel ?? 0;
			if (!Number.isInteger(c) || c < 0 || c > 4) throw Error(`log verbosity level is not valid: ${c}`);
			let l = typeof i.optimizedModelFilePath == "string" ? W(i.optimizedModelFilePath, r) : 0;
			if (n = t._OrtCreateSessionOptions(e, !!i.enableCpuMemArena, !!i.enableMemPattern, a, !!i.enableProfiling, 0, o, s, c, l), n === 0 && G("Can't create session options."), i.executionProviders && await cn(n, i, r), i.enableGraphCapture !== void 0) {
				if (typeof i.enableGraphCapture != "boolean") throw Error(`enableGraphCapture must be a boolean value: ${i.enableGraphCapture}`);
				q(n, "enableGraphCapture", i.enableGraphCapture.toString(), r);
			}
			if (i.freeDimensionOverrides) for (let [e, a] of Object.entries(i.freeDimensionOverrides)) {
				if (typeof e != "string") throw Error(`free dimension override name must be a string: ${e}`);
				if (typeof a != "number" || !Number.isInteger(a) || a < 0) throw Error(`free dimension override value must be a non-negative integer: ${a}`);
				let i = W(e, r);
				t._OrtAddFreeDimensionOverride(n, i, a) !== 0 && G(`Can't set a free dimension override: ${e} - ${a}.`);
			}
			return i.extra !== void 0 && tn(i.extra, "", /* @__PURE__ */ new WeakSet(), (e, t) => {
				q(n, e, t, r);
			}), [n, r];
		} catch (e) {
			throw n !== 0 && t._OrtReleaseSessionOptions(n) !== 0 && G("Can't release session options."), r.forEach((e) => t._free(e)), e;
		}
	};
}), Y, un, dn, fn, pn, mn, X, hn, gn = N(() => {
	Y = (e) => {
		switch (e) {
			case "int8": return 3;
			case "uint8": return 2;
			case "bool": return 9;
			case "int16": return 5;
			case "uint16": return 4;
			case "int32": return 6;
			case "uint32": return 12;
			case "float16": return 10;
			case "float32": return 1;
			case "float64": return 11;
			case "string": return 8;
			case "int64": return 7;
			case "uint64": return 13;
			case "int4": return 22;
			case "uint4": return 21;
			default: throw Error(`unsupported data type: ${e}`);
		}
	}, un = (e) => {
		switch (e) {
			case 3: return "int8";
			case 2: return "uint8";
			case 9: return "bool";
			case 5: return "int16";
			case 4: return "uint16";
			case 6: return "int32";
			case 12: return "uint32";
			case 10: return "float16";
			case 1: return "float32";
			case 11: return "float64";
			case 8: return "string";
			case 7: return "int64";
			case 13: return "uint64";
			case 22: return "int4";
			case 21: return "uint4";
			default: throw Error(`unsupported data type: ${e}`);
		}
	}, dn = (e, t) => {
		let n = [
			-1,
			4,
			1,
			1,
			2,
			2,
			4,
			8,
			-1,
			1,
			2,
			8,
			4,
			8,
			-1,
			-1,
			-1,
			-1,
			-1,
			-1,
			-1,
			.5,
			.5
		][e], r = typeof t == "number" ? t : t.reduce((e, t) => e * t, 1);
		return n > 0 ? Math.ceil(r * n) : void 0;
	}, fn = (e) => {
		switch (e) {
			case "float16": return typeof Float16Array < "u" ? Float16Array : Uint16Array;
			case "float32": return Float32Array;
			case "uint8": return Uint8Array;
			case "int8": return Int8Array;
			case "uint16": return Uint16Array;
			case "int16": return Int16Array;
			case "int32": return Int32Array;
			case "bool": return Uint8Array;
			case "float64": return Float64Array;
			case "uint32": return Uint32Array;
			case "int64": return BigInt64Array;
			case "uint64": return BigUint64Array;
			default: throw Error(`unsupported type: ${e}`);
		}
	}, pn = (e) => {
		switch (e) {
			case "verbose": return 0;
			case "info": return 1;
			case "warning": return 2;
			case "error": return 3;
			case "fatal": return 4;
			default: throw Error(`unsupported logging level: ${e}`);
		}
	}, mn = (e) => e === "float32" || e === "float16" || e === "int32" || e === "int64" || e === "uint32" || e === "uint8" || e === "bool" || e === "uint4" || e === "int4", X = (e) => e === "float32" || e === "float16" || e === "int32" || e === "int64" || e === "uint32" || e === "uint64" || e === "int8" || e === "uint8" || e === "bool" || e === "uint4" || e === "int4", hn = (e) => {
		switch (e) {
			case "none": return 0;
			case "cpu": return 1;
			case "cpu-pinned": return 2;
			case "texture": return 3;
			case "gpu-buffer": return 4;
			case "ml-tensor": return 5;
			default: throw Error(`unsupported data location: ${e}`);
		}
	};
}), _n, vn = N(() => {
	St(), _n = async (e) => {
		if (typeof e == "string") {
			let t = await fetch(e);
			if (!t.ok) throw Error(`failed to load external data file: ${e}`);
			let n = t.headers.get("Content-Length"), r = n ? parseInt(n, 10) : 0;
			if (r < 0x40000000) return new Uint8Array(await t.arrayBuffer());
			{
				if (!t.body) throw Error(`failed to load external data file: ${e}, no response body.`);
				let n = t.body.getReader(), i;
				try {
					i = new ArrayBuffer(r);
				} catch (e) {
					if (e instanceof RangeError) {
						let e = Math.ceil(r / 65536);
						i = new WebAssembly.Memory({
							initial: e,
							maximum: e
						}).buffer;
					} else throw e;
				}
				let a = 0;
				for (;;) {
					let { done: e, value: t } = await n.read();
					if (e) break;
					let r = t.byteLength;
					new Uint8Array(i, a, r).set(t), a += r;
				}
				return new Uint8Array(i, 0, r);
			}
		}
		return e instanceof Blob ? new Uint8Array(await e.arrayBuffer()) : e instanceof Uint8Array ? e : new Uint8Array(e);
	};
}), yn, bn, xn, Sn, Cn, wn, Tn, En, Dn, On, kn, An, jn, Mn = N(() => {
	B(), an(), ln(), gn(), en(), nn(), vn(), yn = (e, t) => {
		U()._OrtInit(e, t) !== 0 && G("Can't initialize onnxruntime.");
	}, bn = async (e) => {
		yn(e.wasm.numThreads, pn(e.logLevel));
	}, xn = async (e, t) => {
		U().asyncInit?.();
		let n = e.webgpu.adapter;
		if (t === "webgpu") {
			if (typeof navigator > "u" || !navigator.gpu) throw Error("WebGPU is not supported in current environment");
			if (n) {
				if (typeof n.limits != "object" || typeof n.features != "object" || typeof n.requestDevice != "function") throw Error("Invalid GPU adapter set in `env.webgpu.adapter`. It must be a GPUAdapter object.");
			} else {
				let t = e.webgpu.powerPreference;
				if (t !== void 0 && t !== "low-power" && t !== "high-performance") throw Error(`Invalid powerPreference setting: "${t}"`);
				let r = e.webgpu.forceFallbackAdapter;
				if (r !== void 0 && typeof r != "boolean") throw Error(`Invalid forceFallbackAdapter setting: "${r}"`);
				if (n = await navigator.gpu.requestAdapter({
					powerPreference: t,
					forceFallbackAdapter: r
				}), !n) throw Error("Failed to get GPU adapter. You may need to enable flag \"--enable-unsafe-webgpu\" if you are using Chrome.");
			}
		}
		if (t === "webnn" && (typeof navigator > "u" || !navigator.ml)) throw Error("WebNN is not supported in current environment");
	}, Sn = /* @__PURE__ */ new Map(), Cn = (e) => {
		let t = U(), n = t.stackSave();
		try {
			let n = t.PTR_SIZE, r = t.stackAlloc(2 * n);
			t._OrtGetInputOutputCount(e, r, r + n) !== 0 && G("Can't get session input/output count.");
			let i = n === 4 ? "i32" : "i64";
			return [Number(t.getValue(r, i)), Number(t.getValue(r + n, i))];
		} finally {
			t.stackRestore(n);
		}
	}, wn = (e, t) => {
		let n = U(), r = n.stackSave(), i = 0;
		try {
			let r = n.PTR_SIZE, a = n.stackAlloc(2 * r);
			n._OrtGetInputOutputMetadata(e, t, a, a + r) !== 0 && G("Can't get session input/output metadata.");
			let o = Number(n.getValue(a, "*"));
			i = Number(n.getValue(a + r, "*"));
			let s = n.HEAP32[i / 4];
			if (s === 0) return [o, 0];
			let c = n.HEAPU32[i / 4 + 1], l = [];
			for (let e = 0; e < c; e++) {
				let t = Number(n.getValue(i + 8 + e * r, "*"));
				l.push(t === 0 ? Number(n.getValue(i + 8 + (e + c) * r, "*")) : n.UTF8ToString(t));
			}
			return [
				o,
				s,
				l
			];
		} finally {
			n.stackRestore(r), i !== 0 && n._OrtFree(i);
		}
	}, Tn = (e) => {
		let t = U(), n = t._malloc(e.byteLength);
		if (n === 0) throw Error(`Can't create a session. failed to allocate a buffer of size ${e.byteLength}.`);
		return t.HEAPU8.set(e, n), [n, e.byteLength];
	}, En = async (e, t) => {
		let n, r, i = U();
		Array.isArray(e) ? [n, r] = e : e.buffer === i.HEAPU8.buffer ? [n, r] = [e.byteOffset, e.byteLength] : [n, r] = Tn(e);
		let a = 0, o = 0, s = [], c = [], l = [];
		try {
			if ([o, s] = await J(t), t?.externalData && i.mountExternalData) {
				let e = [];
				for (let n of t.externalData) {
					let t = typeof n == "string" ? n : n.path, r = typeof n == "string" ? n : n.data;
					e.push(_n(r).then((e) => {
						i.mountExternalData(t, e);
					}));
				}
				await Promise.all(e);
			}
			for (let e of t?.executionProviders ?? []) if ((typeof e == "string" ? e : e.name) === "webnn") {
				if (i.shouldTransferToMLTensor = !1, typeof e != "string") {
					let t = e, n = t?.context, r = t?.gpuDevice, a = t?.deviceType, o = t?.powerPreference;
					i.currentContext = n || (r ? await i.webnnCreateMLContext(r) : await i.webnnCreateMLContext({
						deviceType: a,
						powerPreference: o
					}));
				} else i.currentContext = await i.webnnCreateMLContext();
				break;
			}
			a = await i._OrtCreateSession(n, r, o), i.webgpuOnCreateSession?.(a), a === 0 && G("Can't create a session."), i.jsepOnCreateSession?.(), i.currentContext && (i.webnnRegisterMLContext(a, i.currentContext), i.currentContext = void 0, i.shouldTransferToMLTensor = !0);
			let [e, u] = Cn(a), d = !!t?.enableGraphCapture, f = [], p = [], m = [], h = [];
			for (let t = 0; t < e; t++) {
				let [e, n, r] = wn(a, t);
				e === 0 && G("Can't get an input name."), c.push(e);
				let o = i.UTF8ToString(e);
				f.push(o), m.push(n === 0 ? {
					name: o,
					isTensor: !1
				} : {
					name: o,
					isTensor: !0,
					type: un(n),
					shape: r
				});
			}
			for (let t = 0; t < u; t++) {
				let [n, r, o] = wn(a, t + e);
				n === 0 && G("Can't get an output name."), l.push(n);
				let s = i.UTF8ToString(n);
				p.push(s), h.push(r === 0 ? {
					name: s,
					isTensor: !1
				} : {
					name: s,
					isTensor: !0,
					type: un(r),
					shape: o
				});
			}
			return Sn.set(a, [
				a,
				c,
				l,
				null,
				d,
				!1
			]), [
				a,
				f,
				p,
				m,
				h
			];
		} catch (e) {
			throw c.forEach((e) => i._OrtFree(e)), l.forEach((e) => i._OrtFree(e)), a !== 0 && i._OrtReleaseSession(a) !== 0 && G("Can't release session."), e;
		} finally {
			i._free(n), o !== 0 && i._OrtReleaseSessionOptions(o) !== 0 && G("Can't release session options."), s.forEach((e) => i._free(e)), i.unmountExternalData?.();
		}
	}, Dn = (e) => {
		let t = U(), n = Sn.get(e);
		if (!n) throw Error(`cannot release session. invalid session id: ${e}`);
		let [r, i, a, o, s] = n;
		o && (s && t._OrtClearBoundOutputs(o.handle) !== 0 && G("Can't clear bound outputs."), t._OrtReleaseBinding(o.handle) !== 0 && G("Can't release IO binding.")), t.jsepOnReleaseSession?.(e), t.webnnOnReleaseSession?.(e), t.webgpuOnReleaseSession?.(e), i.forEach((e) => t._OrtFree(e)), a.forEach((e) => t._OrtFree(e)), t._OrtReleaseSession(r) !== 0 && G("Can't release session."), Sn.delete(e);
	}, On = async (e, t, n, r, i, a, o = !1) => {
		if (!e) {
			t.push(0);
			return;
		}
		let s = U(), c = s.PTR_SIZE, l = e[0], u = e[1], d = e[3], f = d, p, m;
		if (l === "string" && (d === "gpu-buffer" || d === "ml-tensor")) throw Error("String tensor is not supported on GPU.");
		if (o && d !== "gpu-buffer") throw Error(`External buffer must be provided for input/output index ${a} when enableGraphCapture is true.`);
		if (d === "gpu-buffer") {
			let t = e[2].gpuBuffer;
			m = dn(Y(l), u);
			{
				let e = s.jsepRegisterBuffer;
				if (!e) throw Error("Tensor location \"gpu-buffer\" is not supported without using WebGPU.");
				p = e(r, a, t, m);
			}
		} else if (d === "ml-tensor") {
			let t = e[2].mlTensor;
			m = dn(Y(l), u);
			let n = s.webnnRegisterMLTensor;
			if (!n) throw Error("Tensor location \"ml-tensor\" is not supported without using WebNN.");
			p = n(r, t, Y(l), u);
		} else {
			let t = e[2];
			if (Array.isArray(t)) {
				m = c * t.length, p = s._malloc(m), n.push(p);
				for (let e = 0; e < t.length; e++) {
					if (typeof t[e] != "string") throw TypeError(`tensor data at index ${e} is not a string`);
					s.setValue(p + e * c, W(t[e], n), "*");
				}
			} else {
				let e = s.webnnIsGraphInput, a = s.webnnIsGraphOutput;
				if (l !== "string" && e && a) {
					let o = s.UTF8ToString(i);
					if (e(r, o) || a(r, o)) {
						let e = Y(l);
						m = dn(e, u), f = "ml-tensor";
						let n = s.webnnCreateTemporaryTensor, i = s.webnnUploadTensor;
						if (!n || !i) throw Error("Tensor location \"ml-tensor\" is not supported without using WebNN.");
						let a = await n(r, e, u);
						i(a, new Uint8Array(t.buffer, t.byteOffset, t.byteLength)), p = a;
					} else m = t.byteLength, p = s._malloc(m), n.push(p), s.HEAPU8.set(new Uint8Array(t.buffer, t.byteOffset, m), p);
				} else m = t.byteLength, p = s._malloc(m), n.push(p), s.HEAPU8.set(new Uint8Array(t.buffer, t.byteOffset, m), p);
			}
		}
		let h = s.stackSave(), g = s.stackAlloc(4 * u.length);
		try {
			u.forEach((e, t) => s.setValue(g + t * c, e, c === 4 ? "i32" : "i64"));
			let e = s._OrtCreateTensor(Y(l), p, m, g, u.length, hn(f));
			e === 0 && G(`Can't create tensor for input/output. session=${r}, index=${a}.`), t.push(e);
		} finally {
			s.stackRestore(h);
		}
	}, kn = async (e, t, n, r, i, a) => {
		let o = U(), s = o.PTR_SIZE, c = Sn.get(e);
		if (!c) throw Error(`cannot run inference. invalid session id: ${e}`);
		let l = c[0], u = c[1], d = c[2], f = c[3], p = c[4];
		c[5];
		let m = t.length, h = r.length, g = 0, _ = [], v = [], y = [], b = [], ee = [], x = o.stackSave(), S = o.stackAlloc(m * s), C = o.stackAlloc(m * s), w = o.stackAlloc(h * s), T = o.stackAlloc(h * s);
		try {
			[g, _] = rn(a), dt("wasm prepareInputOutputTensor");
			for (let r = 0; r < m; r++) await On(n[r], v, b, e, u[t[r]], t[r], p);
			for (let t = 0; t < h; t++) await On(i[t], y, b, e, d[r[t]], m + r[t], p);
			ft("wasm prepareInputOutputTensor");
			for (let e = 0; e < m; e++) o.setValue(S + e * s, v[e], "*"), o.setValue(C + e * s, u[t[e]], "*");
			for (let e = 0; e < h; e++) o.setValue(w + e * s, y[e], "*"), o.setValue(T + e * s, d[r[e]], "*");
			o.jsepOnRunStart?.(l), o.webnnOnRunStart?.(l);
			let c;
			c = await o._OrtRun(l, C, S, m, T, h, w, g), c !== 0 && G("failed to call OrtRun().");
			let x = [], E = [];
			dt("wasm ProcessOutputTensor");
			for (let t = 0; t < h; t++) {
				let n = Number(o.getValue(w + t * s, "*"));
				if (n === y[t] || ee.includes(y[t])) {
					x.push(i[t]), n !== y[t] && o._OrtReleaseTensor(n) !== 0 && G("Can't release tensor.");
					continue;
				}
				let a = o.stackSave(), c = o.stackAlloc(4 * s), l = !1, u, d = 0;
				try {
					o._OrtGetTensorData(n, c, c + s, c + 2 * s, c + 3 * s) !== 0 && G(`Can't access output tensor data on index ${t}.`);
					let i = s === 4 ? "i32" : "i64", a = Number(o.getValue(c, i));
					d = o.getValue(c + s, "*");
					let p = o.getValue(c + s * 2, "*"), m = Number(o.getValue(c + s * 3, i)), h = [];
					for (let e = 0; e < m; e++) h.push(Number(o.getValue(p + e * s, i)));
					o._OrtFree(p) !== 0 && G("Can't free memory for tensor dims.");
					let g = h.reduce((e, t) => e * t, 1);
					u = un(a);
					let _ = f?.outputPreferredLocations[r[t]];
					if (u === "string") {
						if (_ === "gpu-buffer" || _ === "ml-tensor") throw Error("String tensor is not supported on GPU.");
						let e = [];
						for (let t = 0; t < g; t++) {
							let n = o.getValue(d + t * s, "*"), r = o.getValue(d + (t + 1) * s, "*"), i = t === g - 1 ? void 0 : r - n;
							e.push(o.UTF8ToString(n, i));
						}
						x.push([
							u,
							h,
							e,
							"cpu"
						]);
					} else if (_ === "gpu-buffer" && g > 0) {
						let e = o.jsepGetBuffer;
						if (!e) throw Error("preferredLocation \"gpu-buffer\" is not supported without using WebGPU.");
						let t = e(d), r = dn(a, g);
						if (r === void 0 || !mn(u)) throw Error(`Unsupported data type: ${u}`);
						l = !0, x.push([
							u,
							h,
							{
								gpuBuffer: t,
								download: o.jsepCreateDownloader(t, r, u),
								dispose: () => {
									o._OrtReleaseTensor(n) !== 0 && G("Can't release tensor.");
								}
							},
							"gpu-buffer"
						]);
					} else if (_ === "ml-tensor" && g > 0) {
						let t = o.webnnEnsureTensor, r = o.webnnIsGraphInputOutputTypeSupported;
						if (!t || !r) throw Error("preferredLocation \"ml-tensor\" is not supported without using WebNN.");
						if (dn(a, g) === void 0 || !X(u)) throw Error(`Unsupported data type: ${u}`);
						if (!r(e, u, !1)) throw Error(`preferredLocation "ml-tensor" for ${u} output is not supported by current WebNN Context.`);
						let i = await t(e, d, a, h, !1);
						l = !0, x.push([
							u,
							h,
							{
								mlTensor: i,
								download: o.webnnCreateMLTensorDownloader(d, u),
								dispose: () => {
									o.webnnReleaseTensorId(d), o._OrtReleaseTensor(n);
								}
							},
							"ml-tensor"
						]);
					} else if (_ === "ml-tensor-cpu-output" && g > 0) {
						let e = o.webnnCreateMLTensorDownloader(d, u)(), t = x.length;
						l = !0, E.push((async () => {
							let r = [t, await e];
							return o.webnnReleaseTensorId(d), o._OrtReleaseTensor(n), r;
						})()), x.push([
							u,
							h,
							[],
							"cpu"
						]);
					} else {
						let e = new (fn(u))(g);
						new Uint8Array(e.buffer, e.byteOffset, e.byteLength).set(o.HEAPU8.subarray(d, d + e.byteLength)), x.push([
							u,
							h,
							e,
							"cpu"
						]);
					}
				} finally {
					o.stackRestore(a), u === "string" && d && o._free(d), l || o._OrtReleaseTensor(n);
				}
			}
			f && !p && (o._OrtClearBoundOutputs(f.handle) !== 0 && G("Can't clear bound outputs."), Sn.set(e, [
				l,
				u,
				d,
				f,
				p,
				!1
			]));
			for (let [e, t] of await Promise.all(E)) x[e][2] = t;
			return ft("wasm ProcessOutputTensor"), x;
		} finally {
			o.webnnOnRunEnd?.(l), o.stackRestore(x), v.forEach((e) => o._OrtReleaseTensor(e)), y.forEach((e) => o._OrtReleaseTensor(e)), b.forEach((e) => o._free(e)), g !== 0 && o._OrtReleaseRunOptions(g), _.forEach((e) => o._free(e));
		}
	}, An = (e) => {
		let t = U(), n = Sn.get(e);
		if (!n) throw Error("invalid session id");
		let r = n[0], i = t._OrtEndProfiling(r);
		i === 0 && G("Can't get an profile file name."), t._OrtFree(i);
	}, jn = (e) => {
		let t = [];
		for (let n of e) {
			let e = n[2];
			!Array.isArray(e) && "buffer" in e && t.push(e.buffer);
		}
		return t;
	};
}), Nn, Z, Pn, Fn, In, Ln, Rn, zn, Bn, Vn, Hn, Un, Wn, Gn, Kn, qn, Jn, Yn, Xn = N(() => {
	B(), Mn(), en(), Gt(), Nn = () => !!I.wasm.proxy && typeof document < "u", Pn = !1, Fn = !1, In = !1, zn = /* @__PURE__ */ new Map(), Bn = (e, t) => {
		let n = zn.get(e);
		n ? n.push(t) : zn.set(e, [t]);
	}, Vn = () => {
		if (Pn || !Fn || In || !Z) throw Error("worker not ready");
	}, Hn = (e) => {
		switch (e.data.type) {
			case "init-wasm":
				Pn = !1, e.data.err ? (In = !0, Rn[1](e.data.err)) : (Fn = !0, Rn[0]()), Ln &&= (URL.revokeObjectURL(Ln), void 0);
				break;
			case "init-ep":
			case "copy-from":
			case "create":
			case "release":
			case "run":
			case "end-profiling": {
				let t = zn.get(e.data.type);
				e.data.err ? t.shift()[1](e.data.err) : t.shift()[0](e.data.out);
				break;
			}
		}
	}, Un = async () => {
		if (!Fn) {
			if (Pn) throw Error("multiple calls to 'initWasm()' detected.");
			if (In) throw Error("previous call to 'initWasm()' failed.");
			if (Pn = !0, Nn()) return new Promise((e, t) => {
				Z?.terminate(), Ht().then(([n, r]) => {
					try {
						Z = r, Z.onerror = (e) => t(e), Z.onmessage = Hn, Rn = [e, t];
						let i = {
							type: "init-wasm",
							in: I
						};
						!i.in.wasm.wasmPaths && (n || Nt) && (i.in.wasm.wasmPaths = { wasm: "" }), Z.postMessage(i), Ln = n;
					} catch (e) {
						t(e);
					}
				}, t);
			});
			try {
				await $t(I.wasm), await bn(I), Fn = !0;
			} catch (e) {
				throw In = !0, e;
			} finally {
				Pn = !1;
			}
		}
	}, Wn = async (e) => {
		if (Nn()) return Vn(), new Promise((t, n) => {
			Bn("init-ep", [t, n]);
			let r = {
				type: "init-ep",
				in: {
					epName: e,
					env: I
				}
			};
			Z.postMessage(r);
		});
		await xn(I, e);
	}, Gn = async (e) => Nn() ? (Vn(), new Promise((t, n) => {
		Bn("copy-from", [t, n]);
		let r = {
			type: "copy-from",
			in: { buffer: e }
		};
		Z.postMessage(r, [e.buffer]);
	})) : Tn(e), Kn = async (e, t) => {
		if (Nn()) {
			if (t?.preferredOutputLocation) throw Error("session option \"preferredOutputLocation\" is not supported for proxy.");
			return Vn(), new Promise((n, r) => {
				Bn("create", [n, r]);
				let i = {
					type: "create",
					in: {
						model: e,
						options: { ...t }
					}
				}, a = [];
				e instanceof Uint8Array && a.push(e.buffer), Z.postMessage(i, a);
			});
		}
		return En(e, t);
	}, qn = async (e) => {
		if (Nn()) return Vn(), new Promise((t, n) => {
			Bn("release", [t, n]);
			let r = {
				type: "release",
				in: e
			};
			Z.postMessage(r);
		});
		Dn(e);
	}, Jn = async (e, t, n, r, i, a) => {
		if (Nn()) {
			if (n.some((e) => e[3] !== "cpu")) throw Error("input tensor on GPU is not supported for proxy.");
			if (i.some((e) => e)) throw Error("pre-allocated output tensor is not supported for proxy.");
			return Vn(), new Promise((i, o) => {
				Bn("run", [i, o]);
				let s = n, c = {
					type: "run",
					in: {
						sessionId: e,
						inputIndices: t,
						inputs: s,
						outputIndices: r,
						options: a
					}
				};
				Z.postMessage(c, jn(s));
			});
		}
		return kn(e, t, n, r, i, a);
	}, Yn = async (e) => {
		if (Nn()) return Vn(), new Promise((t, n) => {
			Bn("end-profiling", [t, n]);
			let r = {
				type: "end-profiling",
				in: e
			};
			Z.postMessage(r);
		});
		An(e);
	};
}), Zn, Qn, $n, er = N(() => {
	B(), Xn(), gn(), St(), vn(), Zn = (e, t) => {
		switch (e.location) {
			case "cpu": return [
				e.type,
				e.dims,
				e.data,
				"cpu"
			];
			case "gpu-buffer": return [
				e.type,
				e.dims,
				{ gpuBuffer: e.gpuBuffer },
				"gpu-buffer"
			];
			case "ml-tensor": return [
				e.type,
				e.dims,
				{ mlTensor: e.mlTensor },
				"ml-tensor"
			];
			default: throw Error(`invalid data location: ${e.location} for ${t()}`);
		}
	}, Qn = (e) => {
		switch (e[3]) {
			case "cpu": return new R(e[0], e[2], e[1]);
			case "gpu-buffer": {
				let t = e[0];
				if (!mn(t)) throw Error(`not supported data type: ${t} for deserializing GPU tensor`);
				let { gpuBuffer: n, download: r, dispose: i } = e[2];
				return R.fromGpuBuffer(n, {
					dataType: t,
					dims: e[1],
					download: r,
					dispose: i
				});
			}
			case "ml-tensor": {
				let t = e[0];
				if (!X(t)) throw Error(`not supported data type: ${t} for deserializing MLTensor tensor`);
				let { mlTensor: n, download: r, dispose: i } = e[2];
				return R.fromMLTensor(n, {
					dataType: t,
					dims: e[1],
					download: r,
					dispose: i
				});
			}
			default: throw Error(`invalid data location: ${e[3]}`);
		}
	}, $n = class {
		async fetchModelAndCopyToWasmMemory(e) {
			return Gn(await _n(e));
		}
		async loadModel(e, t) {
			z();
			let n;
			n = typeof e == "string" ? await this.fetchModelAndCopyToWasmMemory(e) : e, [this.sessionId, this.inputNames, this.outputNames, this.inputMetadata, this.outputMetadata] = await Kn(n, t), ut();
		}
		async dispose() {
			return qn(this.sessionId);
		}
		async run(e, t, n) {
			z();
			let r = [], i = [];
			Object.entries(e).forEach((e) => {
				let t = e[0], n = e[1], a = this.inputNames.indexOf(t);
				if (a === -1) throw Error(`invalid input '${t}'`);
				r.push(n), i.push(a);
			});
			let a = [], o = [];
			Object.entries(t).forEach((e) => {
				let t = e[0], n = e[1], r = this.outputNames.indexOf(t);
				if (r === -1) throw Error(`invalid output '${t}'`);
				a.push(n), o.push(r);
			});
			let s = r.map((e, t) => Zn(e, () => `input "${this.inputNames[i[t]]}"`)), c = a.map((e, t) => e ? Zn(e, () => `output "${this.outputNames[o[t]]}"`) : null), l = await Jn(this.sessionId, i, s, o, c, n), u = {};
			for (let e = 0; e < l.length; e++) u[this.outputNames[o[e]]] = a[e] ?? Qn(l[e]);
			return ut(), u;
		}
		startProfiling() {}
		endProfiling() {
			Yn(this.sessionId);
		}
	};
}), tr = {};
Oe(tr, {
	OnnxruntimeWebAssemblyBackend: () => rr,
	initializeFlags: () => nr,
	wasmBackend: () => ir
});
var nr, rr, ir, ar = N(() => {
	B(), Xn(), er(), nr = () => {
		(typeof I.wasm.initTimeout != "number" || I.wasm.initTimeout < 0) && (I.wasm.initTimeout = 0);
		let e = I.wasm.simd;
		if (typeof e != "boolean" && e !== void 0 && e !== "fixed" && e !== "relaxed" && (console.warn(`Property "env.wasm.simd" is set to unknown value "${e}". Reset it to \`false\` and ignore SIMD feature checking.`), I.wasm.simd = !1), typeof I.wasm.proxy != "boolean" && (I.wasm.proxy = !1), typeof I.wasm.trace != "boolean" && (I.wasm.trace = !1), typeof I.wasm.numThreads != "number" || !Number.isInteger(I.wasm.numThreads) || I.wasm.numThreads <= 0) {
			if (typeof self < "u" && !self.crossOriginIsolated) I.wasm.numThreads = 1;
			else {
				let e = typeof navigator > "u" ? M("node:os").cpus().length : navigator.hardwareConcurrency;
				I.wasm.numThreads = Math.min(4, Math.ceil((e || 1) / 2));
			}
		}
	}, rr = class {
		async init(e) {
			nr(), await Un(), await Wn(e);
		}
		async createInferenceSessionHandler(e, t) {
			let n = new $n();
			return await n.loadModel(e, t), n;
		}
	}, ir = new rr();
});
B(), B(), B();
var or = "1.30.0";
{
	let e = (ar(), Ae(tr)).wasmBackend;
	Me("cpu", e, 10), Me("wasm", e, 10);
}
Object.defineProperty(I.versions, "web", {
	value: or,
	enumerable: !0
});
// src/session.ts
function sr(e, t) {
	I.wasm.wasmBinary = e, I.wasm.numThreads = t, I.wasm.proxy = !1, I.logLevel = "error";
}
async function cr(e, t, n) {
	if (typeof WebAssembly != "object") throw new a("expected a browser with WebAssembly, got one without. Use a newer browser");
	let r;
	try {
		r = await gt.create(e, {
			executionProviders: ["wasm"],
			graphOptimizationLevel: n ? "all" : "disabled",
			logSeverityLevel: 4
		});
	} catch (e) {
		throw new i(`${t}: expected an ONNX file that ONNX Runtime opens, got an error (${String(e)}). Export it again`);
	}
	return {
		outputs: r.outputNames,
		async run(e, t, n) {
			let i = t instanceof Float32Array ? "float32" : "uint8", a = new R(i, t, n);
			return await r.run({ [e]: a });
		},
		close: () => r.release()
	};
}
var lr = {
	version: "0.1.0",
	schema: 2,
	uncertain: "uncertain",
	colors: {
		neutral: "#a0a0a0",
		happy: "#f0e442",
		surprise: "#e69f00",
		sad: "#0072b2",
		angry: "#d55e00",
		disgust: "#009e73",
		fear: "#cc79a7",
		contempt: "#56b4e9"
	},
	ratings: {
		neutral: [0, 0],
		happy: [.76, .48],
		surprise: [.4, .67],
		sad: [-.63, -.27],
		angry: [-.51, .59],
		disgust: [-.6, .35],
		fear: [-.64, .6],
		contempt: [-.6, .35]
	},
	folds: { contempt: "disgust" }
}, ur = .9, dr = "neutral", fr = [
	"expressiveness",
	"valence",
	"arousal"
];
function pr(e, t) {
	if (e == null) return null;
	let { coverages: n, by_emotion: r, intervals: i } = e, a = n.every((e, t) => !t || e > n[t - 1]);
	if (!n.length || !a || r.length !== n.length) throw TypeError("coverages");
	if (r.some((e) => e.length !== t)) throw TypeError("thresholds of emotions");
	for (let { at: e, low: t, high: n } of Object.values(i)) if (!e.length || e.length !== t.length || e.length !== n.length) throw TypeError("intervals");
	return {
		coverages: n,
		by_emotion: r,
		intervals: i
	};
}
function mr(e, t, n, r, i, a) {
	let o = {};
	if (r && (o.emotion_set = e.map((e, n) => ({
		name: e,
		k: n,
		value: t[n]
	})).filter(({ k: e, value: t }) => e === n || t >= hr(r, e)).sort((e, t) => t.value - e.value).map(({ name: e }) => e)), !i || !a) return o;
	for (let t of fr) {
		let n = a.intervals[t], r = n && gr(t, e, i);
		n && r != null && (o[t] = {
			value: r,
			low: Math.min(r, _r(r, n.at, n.low)),
			high: Math.max(r, _r(r, n.at, n.high))
		});
	}
	return o;
}
function hr({ coverages: e, by_emotion: t }, n) {
	return _r(ur, e, t.map((e) => e[n]));
}
function gr(e, t, n) {
	if (e === "expressiveness") {
		let e = t.indexOf(dr);
		return e < 0 ? null : 1 - n[e];
	}
	let r = lr.ratings, i = 0;
	for (let [a, o] of t.entries()) {
		let t = r[o];
		if (!t) return null;
		i += n[a] * t[e === "valence" ? 0 : 1];
	}
	return Math.fround(i);
}
function _r(e, t, n) {
	let r = t.findIndex((t) => t >= e);
	if (r < 0) return n[n.length - 1];
	if (r === 0) return n[0];
	let i = (e - t[r - 1]) / (t[r] - t[r - 1]);
	return n[r - 1] + i * (n[r] - n[r - 1]);
}
// src/bundle.ts
var vr = 1, yr = 16;
function br(e, t) {
	if (e === null) throw new i(`${t} is a network, but not one of mien's: it has no metadata of mien's in it, so labels and preprocessing are unknown. Export it with \`mien train\` or \`mien export\`, see docs/bundle-format.md`);
	try {
		let n = JSON.parse(e);
		if (n.kind !== void 0) throw new i(`${t}: expected a bundle that reads faces, got one of the kind ${n.kind}`);
		let r = n.format_version;
		if (!Number.isInteger(r) || r < 1) throw TypeError(`format_version ${r}`);
		if (r > vr) throw new i(`${t} is a bundle of format version ${r}; this mien reads up to ${vr}. Use a newer mien`);
		let a = n.heads.map((e) => ({
			name: String(e.name),
			labels: e.labels.map(String),
			temperature: xr(e.temperature),
			shareTemperature: e.share_temperature === null ? null : xr(e.share_temperature),
			uncertainty: pr(e.uncertainty, e.labels.length)
		})), o = new Set(a.map(({ name: e }) => e));
		if (!o.size || o.size < a.length) throw TypeError(`heads ${[...o].join(", ")}`);
		return {
			name: String(n.name),
			heads: a,
			input: se(n.input),
			card: { ...n.card }
		};
	} catch (e) {
		throw e instanceof i ? e : new i(`${t}: expected mien's metadata of format version ${vr}, got something damaged (${String(e)}). Download or export the bundle again`);
	}
}
function xr(e) {
	if (typeof e != "number" || !Number.isFinite(e) || e <= 0) throw TypeError(`temperature ${String(e)}`);
	return e;
}
var Sr = class e {
	metadata;
	session;
	constructor(e, t) {
		this.metadata = e, this.session = t;
	}
	static async open(t, n) {
		let r = br(j(t), n), a = new e(r, await cr(t, n, !0)), o = await a.logits([/* @__PURE__ */ new Uint8Array(2304)]);
		for (let { name: e, labels: t } of r.heads) {
			let r = o[e]?.[0];
			if (r?.length !== t.length || r.some((e) => !Number.isFinite(e))) throw new i(`${n}: head ${e} should give ${t.length} finite numbers a face, gave ${r ? String(r) : "nothing"}. Export it again`);
		}
		return a;
	}
	head(e) {
		let { heads: t } = this.metadata;
		if (e === null) return this.voteHead ?? t[0];
		let r = t.find((t) => t.name === e);
		if (!r) throw new n(`labels: expected one of this bundle's heads (${t.map((e) => e.name).join(", ")}), got ${JSON.stringify(e)}`);
		return r;
	}
	get voteHead() {
		return this.metadata.heads.find((e) => e.shareTemperature !== null) ?? null;
	}
	async logits(e, t = !1) {
		let n = await this.run(e, !1);
		if (!t) return n;
		let r = await this.run(e, !0);
		for (let [e, t] of Object.entries(n)) t.forEach((t, n) => t.forEach((i, a) => t[a] = (i + r[e][n][a]) / 2));
		return n;
	}
	async run(e, t) {
		let { heads: n, input: r } = this.metadata, i = Object.fromEntries(n.map(({ name: e }) => [e, []]));
		for (let a = 0; a < e.length; a += yr) {
			let o = e.slice(a, a + yr), s = ce(o, r, t), c = await this.session.run("faces", s, [
				o.length,
				1,
				r.size,
				r.size
			]);
			for (let { name: e, labels: t } of n) {
				let n = c[e]?.data ?? /* @__PURE__ */ new Float32Array();
				for (let r = 0; r < o.length; r++) i[e].push([...n.subarray(r * t.length, (r + 1) * t.length)]);
			}
		}
		return i;
	}
	close() {
		return this.session.close();
	}
};
function Cr(e, t) {
	let n = e.map((e) => e / t), r = Math.max(...n), i = n.map((e) => Math.exp(e - r)), a = i.reduce((e, t) => e + t, 0);
	return i.map((e) => Math.fround(e / a));
}
// src/detection/detections.ts
var { max: wr, min: Tr, sqrt: Er } = Math;
function Dr([e, t, n, r]) {
	return (n - e) * (r - t);
}
function Or(e) {
	return Er(Dr(e));
}
function kr(e, t) {
	let n = Tr(e[2], t[2]) - wr(e[0], t[0]), r = Tr(e[3], t[3]) - wr(e[1], t[1]);
	return wr(0, n) * wr(0, r);
}
function Ar(e, t) {
	let n = [...e].sort((e, t) => t.score - e.score), r = [];
	for (; n.length;) {
		let [e, ...i] = n;
		r.push(e), n = i.filter(({ box: n }) => {
			let r = kr(e.box, n);
			return r / (Dr(e.box) + Dr(n) - r) <= t;
		});
	}
	return r;
}
function jr(e, t, n) {
	let r = (e, t) => wr(0, Tr(t, e));
	return e.map((e) => {
		let [i, a, o, s] = e.box, c = [
			r(i, t),
			r(a, n),
			r(o, t),
			r(s, n)
		];
		return {
			...e,
			box: c
		};
	}).filter(({ box: e }) => e[2] > e[0] && e[3] > e[1]);
}
function Mr(e, t) {
	return e.filter(({ box: e }) => Tr(e[2] - e[0], e[3] - e[1]) >= t).sort((e, t) => Dr(t.box) - Dr(e.box));
}
// src/detection/mien-face.ts
var { exp: Nr, log: Pr, max: Fr, min: Ir } = Math, Lr = 1, Rr = "face-finder", zr = 16, Br = 160, Vr = 24, Hr = 1.25, Ur = 192, Wr = .12, Gr = .75, Kr = .5, qr = .3, Jr = 5;
function Yr(e, t) {
	if (e === null) throw new i(`${t} is a network, but not a face detector of mien's: it has no metadata in it`);
	try {
		let n = JSON.parse(e);
		if (n.kind !== Rr) throw new i(`${t}: expected a bundle of a face detector, got one of another kind`);
		if (Number(n.format_version) > Lr) throw new i(`${t} is a face detector of format version ${Number(n.format_version)}; this mien reads up to ${Lr}. Use a newer mien`);
		let r = (e) => {
			if (!Number.isFinite(n[e])) throw TypeError(e);
			return n[e];
		};
		return {
			strides: n.strides.map(Number),
			scoreScale: r("score_scale"),
			scoreShift: r("score_shift"),
			threshold: r("threshold"),
			overlap: r("overlap")
		};
	} catch (e) {
		throw e instanceof i ? e : new i(`${t}: expected the metadata of a face detector, got something damaged (${String(e)}). Export it again`);
	}
}
var Xr = class {
	session;
	metadata;
	constructor(e, t, n) {
		this.session = e, this.metadata = Yr(t, n);
	}
	async detect(e, t) {
		let n = t.threshold ?? this.metadata.threshold, r = Fr(e.width, e.height), i = (t, r) => this.look(e, t, r, Ir(n, qr)), a = await i(t.size, 0), o = this.secondWanted(a, r, t), s = a;
		if (this.fineWanted(a, r, t)) {
			let e = await i(2 * t.size, 0), n = Ir(1, 2 * t.size / r);
			s = this.merged(a, e.filter(({ box: e }) => Or(e) * n < Br));
		}
		return o && (s = this.joined(s, await i(Ur, Wr), Ir(1, t.size / r))), jr(s.filter(({ score: e }) => e >= n), e.width, e.height);
	}
	async warmUp() {
		await this.session.run("picture", /* @__PURE__ */ new Uint8Array(49152), [
			1,
			128,
			128,
			3
		]);
	}
	fineWanted(e, t, { size: n, fineLook: r }) {
		return r === "never" || t < Hr * n ? !1 : r === "always" || e.some(({ box: e, score: r }) => Or(e) * n / t < Vr && r >= qr);
	}
	secondWanted(e, t, { size: n, secondLook: r }) {
		let i = e.filter(({ score: e }) => e >= qr).map(({ box: e }) => Or(e) * Ir(1, n / t));
		return r !== "needed" || !i.length ? r !== "never" : Fr(...i) >= Br;
	}
	merged(e, t) {
		return Ar([...e, ...t], this.metadata.overlap);
	}
	joined(e, t, n) {
		let r = t.filter(({ box: e }) => Or(e) * n >= Br / 2), i = (e) => r.some((t) => kr(e.box, t.box) / Fr(Dr(e.box), 1e-9) > Gr && t.score >= Ir(e.score, Kr)), a = e.filter((e) => !i(e) && Or(e.box) * n < Br);
		return this.merged(a, r);
	}
	async look(e, t, n, r) {
		let i = Fr(e.width, e.height), a = Ir(1, t / (i * (1 + 2 * n))), o = Fr(1, _(e.width * a)), s = Fr(1, _(e.height * a)), c = _(n * i * a), l = Zr(a < 1 ? d(e, o, s, 3) : e, c), u = await this.session.run("picture", l.data, [
			1,
			l.height,
			l.width,
			3
		]), f = this.session.outputs, p = this.metadata.strides.flatMap((e, t) => this.decode(u[f[t]], e, r)), m = e.width / o, h = e.height / s;
		return Ar(p, this.metadata.overlap).map(({ box: e, score: t, landmarks: n }) => ({
			box: e.map((e, t) => (e - c) * (t % 2 ? h : m)),
			score: t,
			landmarks: n && n.map(([e, t]) => [(e - c) * m, (t - c) * h])
		}));
	}
	decode({ data: e, dims: t }, n, r) {
		let [, , i, a] = t, { scoreScale: o, scoreShift: s } = this.metadata, c = Pr(r / (1 - r)) - s, l = i * a, u = [];
		for (let t = 0; t < l; t++) {
			if (e[t] * o < c) continue;
			let r = (n) => e[n * l + t], i = t % a + .5, d = Math.floor(t / a) + .5, [f, p] = [i + r(1), d + r(2)], [m, h] = [Nr(Ir(6, r(3))) / 2, Nr(Ir(6, r(4))) / 2], g = Fr(-30, Ir(30, r(0) * o + s)), _ = [];
			for (let e = 0; e < Jr; e++) _.push([(i + r(5 + 2 * e)) * n, (d + r(6 + 2 * e)) * n]);
			u.push({
				box: [
					f - m,
					p - h,
					f + m,
					p + h
				].map((e) => e * n),
				score: 1 / (1 + Nr(-g)),
				landmarks: _
			});
		}
		return u;
	}
};
function Zr(e, t) {
	let n = Math.ceil((e.width + 2 * t) / zr) * zr, r = Math.ceil((e.height + 2 * t) / zr) * zr, { data: i, channels: a } = e;
	if (a === 3 && n === e.width && r === e.height) return e;
	let o = new Uint8Array(n * r * 3);
	for (let r = 0; r < e.height; r++) {
		let s = r * e.width * a, c = ((r + t) * n + t) * 3;
		if (a === 3) o.set(i.subarray(s, s + e.width * 3), c);
		else for (let t = 0; t < e.width; t++, s += a, c += 3) o[c] = i[s], o[c + 1] = i[s + 1], o[c + 2] = i[s + 2];
	}
	return {
		data: o,
		width: n,
		height: r,
		channels: 3
	};
}
// src/results.ts
var { schema: Qr, version: $r, uncertain: ei, colors: ti, folds: ni } = lr;
function ri(e, t, n) {
	let r = n.map(() => 0);
	return e.forEach((e, i) => {
		let a = t[i], o = n.indexOf(a) >= 0 ? n.indexOf(a) : n.indexOf(ni[a]);
		o >= 0 && (r[o] += e);
	}), r;
}
// src/tracking/cuts.ts
var ii = 64, ai = 36, oi = 12, si = 7, ci = .78, li = .7, ui = .15, di = 25, fi = .02, pi = 2, mi = class {
	last = null;
	shape = "";
	similarities = [];
	brightSince = null;
	update(e, t) {
		let n = hi(t), r = `${t.width}x${t.height}`;
		if (r !== this.shape || !this.last) return this.shape = r, this.last = n, this.similarities = [], !1;
		if (bi(n) < pi) return !1;
		let i = bi(this.last) >= pi ? _i(this.last, n) : 1;
		return i >= Math.min(ci, li * xi(this.similarities, 1)) ? (this.last = n, this.brightSince = null, this.similarities = [...this.similarities, i].slice(-5), !1) : !this.mayBeFlash(e, n) && (this.last = n, this.brightSince = null, this.similarities = [], !0);
	}
	mayBeFlash(e, t) {
		let n = this.last, r = 0, i = 0;
		return t.forEach((e, t) => {
			r += e - n[t], e - n[t] < -5 && (i += 1);
		}), r / t.length < di || i / t.length > fi ? !1 : (this.brightSince ??= e, e - this.brightSince <= ui);
	}
};
function hi(e) {
	let t = Math.max(1, Math.floor(Math.min(e.width, e.height) / 90)), [n, r] = [Math.ceil(e.width / t), Math.ceil(e.height / t)], i = new Uint8Array(n * r * 3), a = 0;
	for (let o = 0; o < r; o++) {
		let r = o * t * e.width * e.channels;
		for (let o = 0; o < n; o++, r += t * e.channels, a += 3) i[a] = e.data[r], i[a + 1] = e.data[r + 1], i[a + 2] = e.data[r + 2];
	}
	return n < ii || r < ai ? gi({
		data: i,
		width: n,
		height: r,
		channels: 3
	}) : x(d({
		data: i,
		width: n,
		height: r,
		channels: 3
	}, ii, ai)).data;
}
function gi(e) {
	let t = x(e);
	return Uint8Array.from({ length: 2304 }, (n, r) => {
		let i = Math.floor(Math.floor(r / ii) * e.height / ai);
		return t.data[i * e.width + Math.floor(r % ii * e.width / ii)];
	});
}
function _i(e, t) {
	let n = {
		left: oi,
		top: si,
		width: 40,
		height: 22
	}, r = {
		left: 0,
		top: 0,
		width: ii,
		height: ai
	};
	if (Math.min(bi(e), bi(t), yi(t, n)) < .001) return 0;
	let i = vi(e, 0, 0, t, r);
	for (let r = 0; r <= 14; r++) for (let a = 0; a <= 24; a++) i = Math.max(i, vi(e, a, r, t, n));
	return i;
}
function vi(e, t, n, r, i) {
	let { left: a, top: o, width: s, height: c } = i, [l, u, d, f, p] = [
		0,
		0,
		0,
		0,
		0
	];
	for (let i = 0; i < c; i++) {
		let c = (n + i) * ii + t, m = c + s, h = (o + i) * ii + a;
		for (; c < m;) {
			let t = e[c++], n = r[h++];
			l += t, u += n, d += t * t, f += n * n, p += t * n;
		}
	}
	let m = s * c, h = Math.sqrt((d - l * l / m) * (f - u * u / m));
	return h > 0 ? (p - l * u / m) / h : 0;
}
function yi(e, { left: t, top: n, width: r, height: i }) {
	let a = Array.from({ length: i }, (e, r) => (n + r) * ii + t);
	return bi(Uint8Array.from(a.flatMap((t) => [...e.subarray(t, t + r)])));
}
function bi(e) {
	let [t, n] = [0, 0];
	for (let r of e) t += r, n += r * r;
	return Math.sqrt(Math.max(0, n / e.length - (t / e.length) ** 2));
}
function xi(e, t) {
	if (!e.length) return t;
	let n = [...e].sort((e, t) => e - t), r = Math.floor(n.length / 2);
	return n.length % 2 ? n[r] : (n[r - 1] + n[r]) / 2;
}
// src/tracking/smoothing.ts
var Si = class {
	seconds;
	margin;
	sums = /* @__PURE__ */ new Map();
	reported = /* @__PURE__ */ new Map();
	constructor(e = .2, t = .1) {
		this.seconds = e, this.margin = t;
	}
	average(e, t, n) {
		if (!this.seconds) return [...n];
		let r = this.sums.get(t), i = r ? Math.exp((r.time - e) / this.seconds) : 0, a = n.map((e, t) => e + (r ? i * r.total[t] : 0)), o = 1 + (r ? i * r.weight : 0);
		return this.sums.set(t, {
			time: e,
			total: a,
			weight: o
		}), a.map((e) => e / o);
	}
	report(e, t) {
		let n = t.indexOf(Math.max(...t)), r = this.reported.get(e) ?? n, i = t[n] <= t[r] + this.margin ? r : n;
		return this.reported.set(e, i), i;
	}
	keepOnly(e) {
		for (let t of [this.sums, this.reported]) for (let n of t.keys()) e.has(n) || t.delete(n);
	}
};
// src/tracking/assignment.ts
function Ci(e) {
	let t = e.length, n = t ? e[0].length : 0;
	if (!t || !n) return e.map(() => -1);
	if (t > n) {
		let t = Ci(e[0].map((t, n) => e.map((e) => e[n])));
		return e.map((e, n) => t.indexOf(n));
	}
	let r = new Float64Array(t + 1), i = new Float64Array(n + 1), a = new Int32Array(n + 1), o = new Int32Array(n + 1);
	for (let s = 1; s <= t; s++) {
		let t = new Float64Array(n + 1).fill(1e400), c = new Uint8Array(n + 1), l = 0;
		a[0] = s;
		do {
			c[l] = 1;
			let s = a[l], u = 1e400, d = 0;
			for (let a = 1; a <= n; a++) {
				if (c[a]) continue;
				let n = e[s - 1][a - 1] - r[s] - i[a];
				n < t[a] && (t[a] = n, o[a] = l), t[a] < u && (u = t[a], d = a);
			}
			for (let e = 0; e <= n; e++) c[e] ? (r[a[e]] += u, i[e] -= u) : t[e] -= u;
			l = d;
		} while (a[l]);
		for (; l; l = o[l]) a[l] = a[o[l]];
	}
	let s = e.map(() => -1);
	for (let e = 1; e <= n; e++) a[e] && (s[a[e] - 1] = e - 1);
	return s;
}
// src/tracking/tracker.ts
var { abs: wi, exp: Ti, hypot: Ei, log: Di, max: Q, min: Oi, sqrt: ki } = Math, Ai = {
	maxGap: 2,
	reach: .7,
	reachGain: 2,
	maxReach: 1.2,
	absenceCost: .25,
	appearanceWeight: .7,
	minSimilarity: 0
}, ji = 6, Mi = 1e3, Ni = .4, Pi = 2, Fi = 2, Ii = class {
	number;
	box;
	seen;
	appearance;
	velocity = [0, 0];
	known = 0;
	constructor(e, t, n, r) {
		this.number = e, this.box = t, this.seen = n, this.appearance = r;
	}
	get side() {
		return ki(Q(1, Dr(this.box)));
	}
	centreAt(e) {
		let t = Pi * (1 - Ti(-(e - this.seen) / Pi)), [n, r] = Bi(this.box);
		return [n + this.velocity[0] * t, r + this.velocity[1] * t];
	}
	move(e, t, n) {
		let r = e - this.seen;
		if (r > 0) {
			let [e, n] = [Bi(this.box), Bi(t)], i = Q(1 - Ti(-r / Ni), r / (this.known + r));
			this.velocity = this.velocity.map((t, a) => t + i * ((n[a] - e[a]) / r - t)), this.known += r;
		}
		if (n && this.appearance) {
			let e = 1 - Ti(-Q(r, .001) / Fi);
			this.appearance = this.appearance.map((t, r) => t + e * (n[r] - t));
		} else n && (this.appearance = n);
		this.box = t, this.seen = e;
	}
}, Li = class {
	options;
	next;
	tracks = [];
	anywhere = !1;
	constructor(e = Ai, t = 1) {
		this.options = e, this.next = t;
	}
	get numbers() {
		return new Set(this.tracks.map(({ number: e }) => e));
	}
	endAll() {
		this.tracks = [];
	}
	expectAnywhere() {
		this.anywhere = !0;
	}
	update(e, t, n) {
		this.tracks = this.tracks.filter(({ seen: t }) => e - t <= this.options.maxGap);
		let r = this.tracks.map((r) => t.map((t, i) => this.cost(r, e, t, n?.[i] ?? null)));
		this.anywhere = !1;
		let i = t.map(() => -1);
		return Ci(r).forEach((a, o) => {
			a < 0 || r[o][a] >= Mi || (i[a] = this.tracks[o].number, this.tracks[o].move(e, t[a], n?.[a] ?? null));
		}), i.forEach((r, a) => {
			r >= 0 || (i[a] = this.next, this.tracks.push(new Ii(this.next, t[a], e, n?.[a] ?? null)), this.next += 1);
		}), i;
	}
	cost(e, t, n, r) {
		let { reach: i, reachGain: a, maxReach: o, absenceCost: s, appearanceWeight: c, minSimilarity: l } = this.options, u = t - e.seen, d = ki(Q(1, Dr(n))), [[f, p], [m, h]] = [Bi(n), e.centreAt(t)], g = this.anywhere ? 0 : Ei(f - m, p - h) / ki(d * e.side), _ = this.anywhere ? 0 : wi(Di(d / e.side));
		if (g >= Oi(i + a * u, o) || _ >= 1) return Mi;
		let v = g + s * Oi(u, 1) + .5 * _;
		if (r && e.appearance && c) {
			let t = Vi(r, e.appearance) / Q(1e-6, ki(Vi(e.appearance, e.appearance)));
			if (t < l && g >= .3) return Mi;
			v += c * (1 - t);
		}
		return v;
	}
};
function Ri(e, [t, n, r, i]) {
	let { width: a, height: o } = e, s = .25 * (r - t), c = (e, t, n) => Math.trunc(Oi(Q(e, t), n)), [l, u] = [c(t - s, 0, a - 1), c(r + s, 1, a)], [f, p] = [c(n - s, 0, o - 1), c(i + 2 * s, 1, o)], m = zi(e, l, f, Q(u, l + 1) - l, Q(p, f + 1) - f), h = Float32Array.from(d(m, ji, ji, 3).data), g = h.reduce((e, t) => e + t, 0) / h.length, _ = h.map((e) => e - g), v = Q(1e-6, ki(Vi(_, _)));
	return _.map((e) => e / v);
}
function zi(e, t, n, r, i) {
	let [a, o] = [Q(r, ji), Q(i, ji)], s = new Uint8Array(a * o * 3), c = 0;
	for (let l = 0; l < o; l++) {
		let u = (n + Math.floor(l * i / o)) * e.width;
		for (let n = 0; n < a; n++, c += 3) {
			let i = (u + t + Math.floor(n * r / a)) * e.channels;
			s[c] = e.data[i], s[c + 1] = e.data[i + 1], s[c + 2] = e.data[i + 2];
		}
	}
	return {
		data: s,
		width: a,
		height: o,
		channels: 3
	};
}
function Bi([e, t, n, r]) {
	return [(e + n) / 2, (t + r) / 2];
}
function Vi(e, t) {
	return e.reduce((e, n, r) => e + n * t[r], 0);
}
// src/engine.ts
var Hi = class {
	bundle;
	finder;
	constructor(e, t) {
		this.bundle = e, this.finder = t;
	}
	async read(e, t) {
		let n = this.bundle.head(t.labels), r = await this.find(e, t), i = await this.classify(e, r, n, t), a = r.map((e, r) => {
			let { probabilities: a, shares: o } = i[r], s = Gi(a);
			return Wi(e, n, this.bundle.voteHead, a, o, s, t.minConfidence, null);
		});
		return {
			width: e.width,
			height: e.height,
			labels: n.name,
			faces: a,
			milliseconds: 0
		};
	}
	async find(e, t) {
		if (t.detector === "whole") return [{
			box: [
				0,
				0,
				e.width,
				e.height
			],
			score: 1,
			landmarks: null
		}];
		if (!this.finder) throw new n("detector: expected \"whole\", since no face detector is loaded, got \"mien-face\"");
		return Mr(await this.finder.detect(e, {
			...t,
			secondLook: "needed"
		}), t.minFace);
	}
	async classify(e, t, n, r) {
		if (!t.length) return [];
		let i = r.detector === "whole", a = t.map(({ box: t, landmarks: n }) => pe(e, t, n, i)), o = await this.bundle.logits(a, r.flip), { voteHead: s } = this.bundle;
		return a.map((e, t) => ({
			probabilities: Cr(o[n.name][t], n.temperature),
			shares: s && ri(Cr(o[s.name][t], s.shareTemperature ?? 1), s.labels, n.labels)
		}));
	}
}, Ui = class {
	engine;
	tracking;
	tracker;
	cuts = new mi();
	smoother;
	labels = "";
	shape = "";
	constructor(e, t) {
		this.engine = e, this.tracking = t, this.tracker = new Li({
			...Ai,
			maxGap: t.maxGap
		}), this.smoother = this.newSmoother();
	}
	newSmoother() {
		return new Si(this.tracking.smoothing, this.tracking.margin);
	}
	async analyze(e, t, n) {
		let r = this.engine.bundle.head(n.labels);
		r.name !== this.labels && (this.labels = r.name, this.smoother = this.newSmoother()), this.noticeNewShot(e, t);
		let i = await this.engine.find(t, n), a = i.map(({ box: e }) => Ri(t, e)), o = this.tracker.update(e, i.map(({ box: e }) => e), a);
		this.smoother.keepOnly(this.tracker.numbers);
		let s = await this.engine.classify(t, i, r, n), c = i.map((t, i) => {
			let { probabilities: a, shares: c } = s[i], l = a.length, u = this.smoother.average(e, o[i], [...a, ...c ?? []]), d = u.slice(0, l), f = this.smoother.report(o[i], d), p = c && u.slice(l), { voteHead: m } = this.engine.bundle;
			return Wi(t, r, m, d, p, f, n.minConfidence, o[i]);
		});
		return {
			width: t.width,
			height: t.height,
			labels: r.name,
			faces: c,
			milliseconds: 0
		};
	}
	noticeNewShot(e, t) {
		let n = `${t.width}x${t.height}`;
		this.cuts.update(e, t) ? (this.tracker.endAll(), this.smoother.keepOnly(/* @__PURE__ */ new Set())) : this.shape && this.shape !== n && this.tracker.expectAnywhere(), this.shape = n;
	}
};
function Wi({ box: e, score: t, landmarks: n }, { labels: r, uncertainty: i }, a, o, s, c, l, u) {
	let d = o[c];
	return {
		box: e,
		score: t,
		landmarks: n,
		emotion: d >= l ? r[c] : ei,
		confidence: d,
		vote_share: s && s[c],
		probabilities: Object.fromEntries(r.map((e, t) => [e, o[t]])),
		track: u,
		...mr(r, o, c, i, s, a?.uncertainty ?? null)
	};
}
function Gi(e) {
	return e.indexOf(Math.max(...e));
}
// src/fetching.ts
async function Ki(e) {
	let t;
	try {
		t = await fetch(e);
	} catch (t) {
		throw new a(`${e}: expected a file, could not fetch it (${String(t)}). Check the connection`);
	}
	if (!t.ok) throw new a(`${e}: expected a file, got the status ${t.status}. Copy the package's whole folder \`dist\`, or name the file in load()`);
	return t.arrayBuffer();
}
async function qi(e) {
	let [t, n] = new Uint8Array(e, 0, Math.min(2, e.byteLength));
	return t !== 31 || n !== 139 ? e : new Response(new Blob([e]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
// src/pixels.ts
var Ji = 16e7, $ = null, Yi = null;
async function Xi(e, t) {
	if (e instanceof ImageData) return ta(e);
	let n = e instanceof Blob ? await $i(e, t) : e, i = "copyTo" in n && await Qi(n);
	if (i) return i;
	let [a, o] = "displayWidth" in n ? [n.displayWidth, n.displayHeight] : [n.width, n.height];
	try {
		if (a * o > 16e7) throw new r(`${t}: expected at most ${Ji.toLocaleString("en")} pixels, got ${a} x ${o}. Scale it down first`);
		return ea(n, a, o, t);
	} finally {
		n.close(), $ && $.width * $.height > 8e6 && ($ = Yi = null);
	}
}
var Zi = /* @__PURE__ */ new Uint8Array();
async function Qi(e) {
	let { visibleRect: t, displayWidth: n, displayHeight: r } = e, i = "rotation" in e && e.rotation !== 0;
	if (!t || t.width !== n || t.height !== r || i || n * r > 16e7) return null;
	try {
		Zi.length !== n * r * 4 && (Zi = new Uint8Array(n * r * 4)), await e.copyTo(Zi, { format: "RGBA" });
	} catch {
		return null;
	}
	return e.close(), {
		data: Zi,
		width: n,
		height: r,
		channels: 4
	};
}
async function $i(e, t) {
	if (!e.size) throw new r(`${t}: expected a picture, got an empty file. Copy or download it again`);
	try {
		return await createImageBitmap(e, {
			colorSpaceConversion: "none",
			imageOrientation: "from-image"
		});
	} catch {
		throw new r(`${t}: expected a picture that this browser reads (JPEG, PNG, WebP, GIF, BMP, AVIF), got ${e.type && !e.type.startsWith("image/") ? `a file of the type ${e.type}` : "something else"} or a damaged file. Convert it, or check the file`);
	}
}
function ea(e, t, n, i) {
	if (!$ || !Yi ? ($ = new OffscreenCanvas(t, n), Yi = $.getContext("2d", {
		willReadFrequently: !0,
		alpha: !1
	})) : ($.width !== t || $.height !== n) && ($.width = t, $.height = n), !Yi) throw new r(`${i}: expected a picture that this browser can hold, got ${t} x ${n} pixels`);
	return Yi.fillStyle = "#fff", Yi.fillRect(0, 0, t, n), Yi.drawImage(e, 0, 0, t, n), {
		data: Yi.getImageData(0, 0, t, n).data,
		width: t,
		height: n,
		channels: 4
	};
}
function ta({ data: e, width: t, height: n }) {
	let r = new Uint8ClampedArray(e);
	for (let e = 0; e < r.length; e += 4) {
		let t = r[e + 3];
		if (t !== 255) {
			for (let n = e; n < e + 3; n++) r[n] = (r[n] * t + 255 * (255 - t)) / 255;
			r[e + 3] = 255;
		}
	}
	return {
		data: r,
		width: t,
		height: n,
		channels: 4
	};
}
// src/voice/heads.ts
var na = ["votes", "intended"], ra = 1, ia = "voice";
function aa(e, t) {
	if (e === null) throw new i(`${t} is a network, but not a voice bundle of mien's: it has no metadata in it`);
	try {
		let n = JSON.parse(e);
		if (n.kind !== ia) throw new i(`${t}: expected a voice bundle, got one of another kind`);
		if (n.format_version > ra) throw new i(`${t} is a voice bundle of format version ${n.format_version}; this mien reads up to ${ra}. Use a newer mien`);
		let { labels: r, heads: a } = n;
		for (let e of na) if ([a[e].factors.length, a[e].offsets.length].some((e) => e !== r.names.length)) throw TypeError(`head ${e}`);
		return {
			name: n.name,
			labels: {
				name: r.name,
				emotions: r.names
			},
			rate: n.rate,
			window: n.window,
			shortest: n.shortest,
			heads: a,
			shareTemperature: n.share_temperature,
			strength: n.strength
		};
	} catch (e) {
		throw e instanceof i ? e : new i(`${t}: expected the metadata of a voice bundle, got something damaged (${String(e)}). Export it again`);
	}
}
var oa = class e {
	metadata;
	session;
	constructor(e, t) {
		this.metadata = e, this.session = t;
	}
	static async open(t, n) {
		return new e(aa(j(t), n), await cr(t, n, !0));
	}
	async answer(e, t) {
		let { shortest: n, heads: r, shareTemperature: i, strength: a } = this.metadata, o = new Float32Array(Math.max(e.length, n));
		o.set(e);
		let s = await this.session.run("sound", o, [1, o.length]), c = [...s[t].data], { factors: l, offsets: u } = r[t], [d, f] = a;
		return {
			probabilities: Cr(c.map((e, t) => l[t] * e + u[t]), 1),
			voteShares: Cr([...s.votes.data], i),
			strength: Math.min(1, Math.max(0, s.strength.data[0] * d + f))
		};
	}
}, sa = null, ca = null, la = /* @__PURE__ */ new Map(), ua = {
	start: da,
	async read({ picture: e, source: t, options: n }) {
		return ha(performance.now(), await ma().read(await Xi(e, t), n));
	},
	async open({ video: e, tracking: t }) {
		return la.set(e, new Ui(ma(), t)), null;
	},
	async frame({ video: e, time: t, picture: n, options: r }) {
		let i = performance.now(), o = la.get(e);
		if (!o) throw new a("expected a video that is being watched, got one that has been stopped");
		return ha(i, await o.analyze(t, await Xi(n, "frame"), r));
	},
	async end({ video: e }) {
		return la.delete(e), null;
	},
	async voice({ file: e }) {
		ma();
		let t = typeof e == "string" ? e : "the voice model";
		ca = await oa.open(new Uint8Array(await fa(e)), t);
		let { labels: n, rate: r, window: i } = ca.metadata;
		return {
			name: ca.metadata.name,
			labels: n,
			rate: r,
			window: i
		};
	},
	async hear({ sound: e, head: t }) {
		if (!ca) throw new a("expected a loaded voice model, got a request before it was loaded");
		return ca.answer(e, t);
	}
};
async function da({ runtime: e, model: t, modelName: n, finder: r, threads: i }) {
	let a = [
		Ki(e).then(qi),
		fa(t),
		r === null ? Promise.resolve(null) : fa(r)
	], [o, s, c] = await Promise.all(a);
	sr(o, i);
	let l = c && await pa(new Uint8Array(c), r), u = await Sr.open(new Uint8Array(s), n);
	sa = new Hi(u, l);
	let { name: d, heads: f, card: p } = u.metadata;
	return {
		name: d,
		heads: f.map((e) => ({
			name: e.name,
			emotions: e.labels
		})),
		default: u.head(null).name,
		card: p
	};
}
async function fa(e) {
	return typeof e == "string" ? Ki(e) : e;
}
async function pa(e, t) {
	let n = typeof t == "string" ? "mien-face" : "the face detector", r = new Xr(await cr(e, n, !1), j(e), n);
	return await r.warmUp(), r;
}
function ma() {
	if (!sa) throw new a("expected a loaded model, got a request before load() had ended");
	return sa;
}
function ha(e, t) {
	return {
		...t,
		milliseconds: performance.now() - e
	};
}
var ga = Promise.resolve();
async function _a({ id: e, name: t, values: n }) {
	try {
		let r = await ua[t](n);
		postMessage({
			id: e,
			result: r
		});
	} catch (t) {
		postMessage({
			id: e,
			error: o(t)
		});
	}
}
self.name.startsWith("em-pthread") || (self.onmessage = ({ data: e }) => {
	ga = ga.then(() => _a(e));
});
