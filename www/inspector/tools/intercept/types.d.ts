// What the parts of the panel for interception say to each other.

export type Bytes = Uint8Array<ArrayBuffer>;
export type Direction = "c2s" | "s2c";

/** A frame that is held. */
export interface Held {
  /** Of all desks. */
  key: string;
  desk: Desk;
  /** The desk's own number. */
  id: number;
  connection: number;
  direction: Direction;
  bytes: Bytes;
  /** The message that it ends, if that was compressed and could be inflated. */
  inflated: Bytes | null;
  /** Milliseconds since 1970. */
  since: number;
  /** Later messages may be compressed against it. */
  inContext: boolean;
  /** Those can be sent inflated instead. */
  canMend: boolean;
}

/** A connection of which frames can be held. */
export interface Connection {
  desk: Desk;
  connection: number;
  client: string;
  server: string;
  path: string;
  host: string;
  subprotocol: string | null;
  since: number;
  /** Directions whose sender has ended, or broken, the connection; that waits behind what is held. */
  ended: Direction[];
  reset: Direction[];
  compression: Record<Direction, { takeover: boolean; known: boolean } | null>;
}

export type Released = "forwarded" | "edited" | "dropped" | "undelivered";

/** Whoever holds frames: the proxy, or the page for its own client. */
export interface Desk {
  readonly name: "proxy" | "page";
  readonly connections: readonly Connection[];
  /** What stands in the way of holding; empty if nothing does. */
  readonly trouble: string;
  /** Holds what this filter finds; null: nothing, and all that is held goes on. */
  hold(filter: string | null, directions: Direction[]): void;
  forward(id: number, edited: Bytes | null, mends: boolean): void;
  drop(id: number, mends: boolean): void;
  forwardAll(): void;
  /** Resolves with why not, and whether it could be forced; or null. */
  inject(connection: number, direction: Direction, bytes: Bytes, isForced: boolean): Promise<Refusal | null>;
}

export interface Refusal {
  why: string;
  canForce: boolean;
}

/** What a desk tells. */
export interface DeskEvents {
  /** Connections, or what stands in the way. */
  changed(): void;
  held(frame: Held): void;
  released(key: string, how: Released): void;
  problem(problem: import("../../app.d.ts").FilterProblem): void;
  /** Frames that were not held although they may have been meant. */
  unheld(count: number, length: number, why: string): void;
  refused(why: string): void;
}
