/** The heads of voice bundles: what people would hear, and what a speaker would mean. Knows nothing else. */
export const VOICE_HEADS = ["votes", "intended"] as const;
export type VoiceHead = (typeof VOICE_HEADS)[number];
