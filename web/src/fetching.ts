/** Fetch the package's own files. */

import { RuntimeError } from "./errors";

/** Fetch a file; raise RuntimeError, which names it, where it is not there. */
export async function fetchBytes(url: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new RuntimeError(`${url}: expected a file, could not fetch it (${String(error)}). Check the connection`);
  }
  if (!response.ok) {
    throw new RuntimeError(
      `${url}: expected a file, got the status ${response.status}. Copy the package's whole folder \`dist\`, or name ` +
        "the file in load()",
    );
  }
  return response.arrayBuffer();
}

/**
 * Unpack gzip, unless the server or the browser has unpacked it already.
 *
 * The runtime is stored packed, since many static hosts send WebAssembly as it is, which is four times as much.
 */
export async function unzipped(content: ArrayBuffer): Promise<ArrayBuffer> {
  const [first, second] = new Uint8Array(content, 0, Math.min(2, content.byteLength));
  if (first !== 0x1f || second !== 0x8b) return content;
  return new Response(new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
