// src/voice/microphone.ts
var SAMPLES = 2048;
var Microphone = class extends AudioWorkletProcessor {
	part = new Float32Array(SAMPLES);
	filled = 0;
	process([channels]) {
		const length = channels[0]?.length ?? 0;
		for (let k = 0; k < length; k++) {
			let sum = 0;
			for (const channel of channels) sum += channel[k];
			this.part[this.filled++] = sum / channels.length;
			if (this.filled === SAMPLES) {
				this.port.postMessage(this.part, [this.part.buffer]);
				this.part = new Float32Array(SAMPLES);
				this.filled = 0;
			}
		}
		return true;
	}
};
registerProcessor("mien-microphone", Microphone);
