/** What `Interception.next()` tells. */
export type Intercepted =
  /** `bytes()` go on; none, where a frame was dropped. `comment` is for `Capture.clientIntervened`. */
  | {
      kind: "passed";
      direction: Direction;
      comment: string | null;
      released: number | null;
      how: "forwarded" | "edited" | "dropped" | "undelivered" | null;
    }
  /** The frame is `bytes()`, and the message that it ends `inflated()`, if that was compressed. */
  | { kind: "held"; id: number; direction: Direction; inContext: boolean; canMend: boolean }
  /** A frame could not be held, or what waited had to go on: so many bytes. */
  | { kind: "unheld"; length: number; why: string }
  /** What was to be put in was, or why it was not. */
  | { kind: "injected"; tag: number; why: string | null };
