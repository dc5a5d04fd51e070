/** Read the metadata of an ONNX file without a library: of its protocol buffer only `metadata_props` are decoded. */

import { BundleError } from "./errors";

const METADATA_PROPS = 14; // field of ModelProto: repeated StringStringEntryProto
const KEY = 1;
const VALUE = 2;
const LENGTH_DELIMITED = 2;

/** The key under which mien stores the metadata of a bundle, as JSON. */
export const METADATA_KEY = "mien";

/**
 * Return the text that an ONNX file holds under a metadata key.
 *
 * @param content the file.
 * @param key the key.
 * @returns the text, or null where the file has no such key.
 * @throws BundleError: the file is no ONNX file, or is cut short.
 */
export function readMetadata(content: Uint8Array, key: string = METADATA_KEY): string | null {
  const text = new TextDecoder();
  let fields = 0;
  for (const [field, bytes] of fieldsOf(content)) {
    fields += 1;
    if (field !== METADATA_PROPS || bytes === null) continue;
    let name = "";
    let value = "";
    for (const [inner, part] of fieldsOf(bytes)) {
      if (inner === KEY && part) name = text.decode(part);
      if (inner === VALUE && part) value = text.decode(part);
    }
    if (name === key) return value;
  }
  if (!fields) throw damaged();
  return null;
}

function damaged(): BundleError {
  return new BundleError("expected an ONNX file, got something else or a file that is cut short. Download it again");
}

/** Yield the fields of a protocol buffer; the bytes are null for fields without a length. */
function* fieldsOf(content: Uint8Array): Generator<[number, Uint8Array | null]> {
  let position = 0;

  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= content.length) throw damaged();
      const byte = content[position++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw damaged();
  };

  while (position < content.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const kind = tag % 8;
    if (field < 1) throw damaged();
    if (kind === LENGTH_DELIMITED) {
      const length = varint();
      if (length > content.length - position) throw damaged();
      yield [field, content.subarray(position, position + length)];
      position += length;
    } else {
      if (kind === 0) varint();
      else if (kind === 1) position += 8;
      else if (kind === 5) position += 4;
      else throw damaged();
      if (position > content.length) throw damaged();
      yield [field, null];
    }
  }
}
