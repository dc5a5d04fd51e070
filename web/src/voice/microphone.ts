/** The audio worklet: hands a microphone's sound, mono, to the page. A file of its own, since browsers load it apart. */

// Types of the worklet's scope, which TypeScript's library lacks.
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: typeof AudioWorkletProcessor): void;

const SAMPLES = 2048; // per message

class Microphone extends AudioWorkletProcessor {
  private part = new Float32Array(SAMPLES);
  private filled = 0;

  process([channels]: Float32Array[][]): boolean {
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
}

registerProcessor("mien-microphone", Microphone);
