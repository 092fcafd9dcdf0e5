// What the parts of the worker share.

import type { Told } from "../link.js";

/** The capture, called by the names of its methods: those of `Capture` in the wasm module. Those named here need no second half. */
export interface Methods {
  [method: string]: (...args: never[]) => unknown;
  addSource(kind: string, name: string): number;
  feed(source: number, bytes: Uint8Array): void;
  fault(source: number, words: string): void;
  setFormat(source: number, name: string): void;
  finish(source: number): void;
  restart(source: number): void;
  removeSource(source: number): void;
  work(milliseconds: number): boolean;
}

export interface Context {
  capture: Methods;
  tell(message: Told, transfer?: Transferable[]): void;
  /** Bytes came: there is news, and perhaps work. */
  changed(): void;
}
