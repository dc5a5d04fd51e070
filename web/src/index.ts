/** mien for the browser: reads facial expressions; pictures never leave the page. */

export { type Box, type Landmarks } from "./detection/detections";
export { BundleError, CameraError, ImageError, InputError, MienError, RuntimeError } from "./errors";
export { load, Mien } from "./mien";
export type { FaceOptions, LoadOptions, ModelFile, WatchOptions } from "./options";
export type { ModelInfo } from "./protocol";
export {
  colorOf,
  type Face,
  Faces,
  type FacesDocument,
  type Moment,
  picturesDocument,
  type PicturesDocument,
  UNCERTAIN,
  type UnreadDocument,
  VERSION,
} from "./results";
export type { Source } from "./sources";
export type { Estimate } from "./uncertainty";
export type { VoiceInfo } from "./voice/bundle";
export type { Listening, Samples, Voice, VoiceOptions } from "./voice/voices";
export { Watch } from "./watch";
