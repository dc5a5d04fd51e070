/** What is heard in a sound, window by window, and how sound reaches the worker: files, and the microphone. */

import type { Connection } from "../connection";
import { CameraError, describeValue, InputError } from "../errors";
import { microphoneWorklet } from "../files";
import { roundTo } from "../results";
import type { VoiceAnswer, VoiceInfo } from "./bundle";
import type { VoiceHead } from "./heads";

/** Seconds of new sound, without which there is no further window. */
const SHORTEST = 0.25;
/** Root mean square, -80 dB, below which a window is silence. */
const SILENT = 1e-4;
const QUIETEST = -100;

/** Sound that was decoded already: mono, -1 to 1. */
export interface Samples {
  samples: Float32Array;
  rate: number;
}

/** What is heard in one window; the emotion is null in silence. */
export interface Voice {
  start: number;
  end: number;
  emotion: string | null;
  confidence: number | null;
  vote_share: number | null;
  /** How strong people would find the emotion, 0 to 1. */
  strength: number | null;
  /** Decibels of full scale. */
  loudness: number;
  probabilities: Record<string, number> | null;
  vote_shares: Record<string, number> | null;
}

/** The options of `hear` and `listen`. */
export interface VoiceOptions {
  /** "votes": what people would hear; "intended": what the speaker would mean, as actors do. Default "votes". */
  head?: VoiceHead;
  /** Seconds from one window to the next. Default 1. */
  hop?: number;
}

/** Return the sound of a file, an AudioBuffer or samples: mono, at a rate. */
export async function soundOf(source: Blob | AudioBuffer | Samples, rate: number): Promise<Float32Array> {
  let buffer: AudioBuffer;
  if (source instanceof Blob) {
    const content = await source.arrayBuffer();
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content).catch(() => {
      throw new InputError("sound: expected a file whose sound this browser reads, got another or a damaged one");
    });
  } else if (source instanceof AudioBuffer) {
    buffer = source;
  } else if (source?.samples instanceof Float32Array && source.rate > 0) {
    if (source.rate === rate) return source.samples;
    if (!source.samples.length) return source.samples;
    buffer = new AudioBuffer({ length: source.samples.length, sampleRate: source.rate });
    buffer.copyToChannel(source.samples as Float32Array<ArrayBuffer>, 0);
  } else {
    throw new InputError(
      `sound: expected a Blob or File, an AudioBuffer, or { samples, rate }, got ${describeValue(source)}`,
    );
  }
  const context = new OfflineAudioContext(1, Math.max(1, Math.round(buffer.duration * rate)), rate);
  const player = new AudioBufferSourceNode(context, { buffer });
  player.connect(context.destination); // mixes the channels down to one
  player.start();
  return (await context.startRendering()).getChannelData(0);
}

/** Read windows of sound, each as soon as it is there. */
export class Hearing {
  private sound = new Float32Array(0);
  private first = 0; // number of the first sample that is kept
  private number = 0;
  private heard = 0; // seconds up to which there was a window

  constructor(
    private readonly connection: Connection,
    private readonly info: VoiceInfo,
    private readonly head: VoiceHead,
    private readonly hop: number,
  ) {}

  /** Add sound at the bundle's rate; return the windows that it completes. */
  async add(part: Float32Array): Promise<Voice[]> {
    const joined = new Float32Array(this.sound.length + part.length);
    joined.set(this.sound);
    joined.set(part, this.sound.length);
    this.sound = joined;
    const { window } = this.info;
    const voices: Voice[] = [];
    while (this.seconds >= this.number * this.hop + window) {
      const start = this.number * this.hop;
      this.number += 1;
      voices.push(await this.read(start, start + window));
    }
    this.forget(Math.min(this.number * this.hop, this.seconds - window));
    return voices;
  }

  /** Return the last window, which ends with the sound; none where too little is new. */
  async end(): Promise<Voice[]> {
    if (this.seconds - this.heard < SHORTEST) return [];
    return [await this.read(Math.max(0, this.seconds - this.info.window), this.seconds)];
  }

  /** Seconds of sound so far. */
  get seconds(): number {
    return (this.first + this.sound.length) / this.info.rate;
  }

  /** Forget the sound before a time that no further window begins before. */
  private forget(time: number): void {
    const count = Math.floor(time * this.info.rate) - this.first;
    if (count <= 0) return;
    this.sound = this.sound.slice(count);
    this.first += count;
  }

  private async read(start: number, end: number): Promise<Voice> {
    this.heard = end;
    const { rate, labels } = this.info;
    const sound = this.sound.slice(Math.round(start * rate) - this.first, Math.round(end * rate) - this.first);
    const level = Math.sqrt(sound.reduce((sum, value) => sum + value * value, 0) / sound.length);
    const answer =
      level > SILENT ? await this.connection.ask("hear", { sound, head: this.head }, [sound.buffer]) : null;
    const loudness = level > 0 ? Math.max(20 * Math.log10(level), QUIETEST) : QUIETEST;
    return voiceOf(answer, labels.emotions, start, end, loudness);
  }
}

function voiceOf(
  answer: VoiceAnswer | null,
  emotions: readonly string[],
  start: number,
  end: number,
  loudness: number,
): Voice {
  const best = answer ? answer.probabilities.indexOf(Math.max(...answer.probabilities)) : -1;
  const four = (value: number): number => roundTo(value, 4);
  const named = (values: number[]): Record<string, number> =>
    Object.fromEntries(emotions.map((emotion, k) => [emotion, four(values[k])]));
  return {
    start: roundTo(start, 3),
    end: roundTo(end, 3),
    emotion: answer && emotions[best],
    confidence: answer && four(answer.probabilities[best]),
    vote_share: answer && four(answer.voteShares[best]),
    strength: answer && four(answer.strength),
    loudness: roundTo(loudness, 1),
    probabilities: answer && named(answer.probabilities),
    vote_shares: answer && named(answer.voteShares),
  };
}

/** A microphone, or any stream with sound, that is being heard. */
export class Listening {
  private stopped = false;

  private constructor(
    private readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
  ) {}

  /** Begin; `onVoice` gets each window, `onError` what ends it. */
  static async start(
    stream: MediaStream,
    hearing: Hearing,
    rate: number,
    onVoice: (voice: Voice) => void,
    onError: (error: unknown) => void,
  ): Promise<Listening> {
    if (!stream.getAudioTracks().length) {
      throw new InputError("stream: expected one with sound, got one without. Ask for { audio: true }");
    }
    let context: AudioContext;
    let source: MediaStreamAudioSourceNode;
    try {
      context = new AudioContext({ sampleRate: rate });
      source = context.createMediaStreamSource(stream);
    } catch (error) {
      throw new CameraError(`expected a microphone that can be heard at ${rate} samples a second, got ${String(error)}`);
    }
    await context.audioWorklet.addModule(microphoneWorklet());
    const node = new AudioWorkletNode(context, "mien-microphone", { numberOfOutputs: 0 });
    const listening = new Listening(context, node);
    let last: Promise<void> = Promise.resolve();
    node.port.onmessage = ({ data }: MessageEvent<Float32Array>): void => {
      last = last.then(async () => {
        if (listening.stopped) return;
        for (const voice of await hearing.add(data)) if (!listening.stopped) onVoice(voice);
      });
      last.catch((error: unknown) => {
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
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.node.disconnect();
    void this.context.close();
  }
}
