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
export class MienError extends Error {
  override name = "MienError";
}

/** An argument has the wrong type or range. */
export class InputError extends MienError {
  override name = "InputError";
}

/** A picture cannot be read. */
export class ImageError extends MienError {
  override name = "ImageError";
}

/** A model file cannot be used. */
export class BundleError extends MienError {
  override name = "BundleError";
}

/** The camera or the microphone cannot be used. */
export class CameraError extends MienError {
  override name = "CameraError";
}

/** The worker or WebAssembly cannot be started, or a file of the package is missing. */
export class RuntimeError extends MienError {
  override name = "RuntimeError";
}

const KINDS = { MienError, InputError, ImageError, BundleError, CameraError, RuntimeError };

/** An error as plain values, which a worker can post. */
export interface ErrorMessage {
  kind: string;
  message: string;
}

/** Return an error as plain values; one that is not of this package counts as a `RuntimeError`. */
export function toMessage(error: unknown): ErrorMessage {
  if (error instanceof MienError) return { kind: error.name, message: error.message };
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { kind: "RuntimeError", message: `expected no error in the worker, got ${text}. Please report it` };
}

/** Return the error of plain values. */
export function fromMessage({ kind, message }: ErrorMessage): MienError {
  const Kind = kind in KINDS ? KINDS[kind as keyof typeof KINDS] : MienError;
  return new Kind(message);
}

/** Describe a value in a message: its type, and the value itself where it is short. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "object") return `an object of type ${value.constructor.name || "unknown"}`;
  return `a ${typeof value}`;
}

/** Return the number; raise InputError if it is none from `low` to `high`. */
export function checkNumber(name: string, value: unknown, low: number, high: number, expected: string): number {
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new InputError(`${name}: expected ${expected}, got ${describeValue(value)}`);
  }
  return value;
}

/** Return one of the names; raise InputError, which lists them, if the value is none. */
export function checkName<T extends string>(name: string, value: unknown, names: readonly T[]): T {
  if (!names.includes(value as T)) {
    throw new InputError(`${name}: expected one of ${names.join(", ")}, got ${describeValue(value)}`);
  }
  return value as T;
}
