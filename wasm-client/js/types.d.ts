// What the files of the client agree on among themselves.

import type { OpenStream } from "../src/client.d.ts";

declare global {
  /** Node's, where there is one: its own types would be a dependency. */
  // biome-ignore lint/suspicious/noExplicitAny: said above
  var process: any;
}

export type Target = Parameters<OpenStream>[0];

/** The class of `client.rs`, as wasm-bindgen makes it. */
export interface Engine {
  offer_protocol(name: string): void;
  add_header(name: string, value: string): boolean;
  offer_deflate(noTakeover: number, serverBits: number, clientBits: number, level: number, threshold: number): void;
  set_limits(messageMax: number, fragmentsMax: number): void;
  prepare(url: string): string | undefined;
  request(): void;
  watch(isWatched: boolean): void;
  receive(bytes: Uint8Array): boolean;
  next(): number;
  place_start(): number;
  place_end(): number;
  take(): Uint8Array<ArrayBuffer> | undefined;
  text(which: number): string;
  number(): number;
  body_missing(): number;
  send_text(text: string, fragmentSize: number, compress: boolean): void;
  send_binary(bytes: Uint8Array, fragmentSize: number, compress: boolean): void;
  send_control(isPing: boolean, payload: Uint8Array): void;
  close(code: number, reason: string): void;
  send_raw(bytes: Uint8Array): void;
  due(): number;
  output(): Uint8Array<ArrayBuffer> | undefined;
  sent(): Uint8Array<ArrayBuffer> | undefined;
  is_ended(): boolean;
  is_exhausted(): boolean;
  end(): number;
  free(): void;
}

/** Who is told what happens. */
export interface Watcher {
  /** Whether anybody listens, so that nothing is copied for nobody. */
  wants(event: string): boolean;
  /** Never throws. */
  tell(event: string, ...args: unknown[]): void;
  /** It was the last event. */
  rest(): void;
}
