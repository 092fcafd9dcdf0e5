/** A whole number; as decimal text where it is above `Number.MAX_SAFE_INTEGER`. */
export type Count = number | string;

/** `c2s`: from the client to the server; `s2c`: the other way. */
export type Direction = "c2s" | "s2c";

/** What `Capture.status()` says about the capture as a whole. */
export interface Status {
  /** The index of the oldest row still held: so many were dropped or cleared. */
  first: number;
  /** One past the index of the newest row. */
  end: number;
  /** Rows dropped because the memory budget was reached, since the last `clear()`. */
  dropped: number;
  /** Bytes held, and the most that may be. */
  held: number;
  budget: number;
  /** What is in the rows held. */
  connections: number;
  frames: number;
  violations: number;
  /** What could not be read of the capture itself, if anything. */
  trouble: string | null;
}

/** One line of the frame list. */
export interface Row {
  index: number;
  kind: "handshake" | "frame" | "gap" | "end" | "note";
  /** Since the epoch: seconds, and nanoseconds of the second. */
  time: [number, number];
  /** Nanoseconds since the first row, and since the row before. */
  sinceStart: number;
  sincePrevious: number;
  /** The number of the connection, from 1; null for what is about the capture itself. */
  connection: number | null;
  direction: Direction | null;
  /** The opcode's name for a frame; `request`, `response`, `gap`, `end` or `note` otherwise. */
  name: string;
  fin: boolean;
  /** RSV1 counts 4, RSV2 2, RSV3 1. */
  rsv: number;
  masked: boolean;
  /** Bytes on the wire, header and all. */
  wire: Count;
  payloadLength: Count;
  /** What the payload added to its message once inflated. */
  inflated: Count | null;
  fragment: Fragment | null;
  preview: string;
  /** What the preview is of: text as it is, bytes in hex, or our own words. */
  previewKind: "text" | "hex" | "words";
  /** The names of the rules broken. */
  violations: string[];
}

/** A frame's place in a message of more than one frame. */
export interface Fragment {
  /** The message's number in its direction, from 1. */
  message: number;
  /** This fragment's number, from 1. */
  number: number;
  /** How many there are, once the last was seen. */
  of: number | null;
  /** The rows of the first fragment and, once seen, of the last. */
  firstRow: number;
  lastRow: number | null;
}

/** Everything about one row. Its bytes come from `wire()`, `unmasked()` and `message()`. */
export interface Details {
  row: Row;
  source: string;
  destination: string;
  /** They tile the bytes; parts of a field are its children. */
  fields: FieldInfo[];
  violations: ViolationInfo[];
  headerLength: number;
  /** Bytes of the payload that were not captured. */
  payloadMissing: Count;
  /** The message that this frame belongs to, once it is complete. */
  message: MessageInfo | null;
  handshake: HandshakeInfo | null;
}

/** One frame in words, without a capture around it. */
export interface Explained {
  /** They tile the bytes; parts of a field are its children. */
  fields: FieldInfo[];
  violations: ViolationInfo[];
  headerLength: number;
}

/** A part of a frame or of a handshake. */
export interface FieldInfo {
  /** In kebab case, as in `data-field` and `--field-…`. */
  name: string;
  label: string;
  /** Byte range in the frame as it was on the wire. */
  bytes: [number, number];
  /** Bit range, for what is smaller than a byte or part of the header. */
  bits: [number, number] | null;
  value: string;
  meaning: string;
  /** As `RFC 6455, 5.2`; empty where no RFC has a say. */
  section: string;
  /** How it was judged: as it must be, allowed, or against a rule. */
  verdict: "good" | "plain" | "bad";
  children: FieldInfo[];
}

export interface ViolationInfo {
  name: string;
  section: string;
  says: string;
  /** The field at fault, and the bytes of the row that break the rule, where it is about single bytes. */
  field: string;
  bytes: [number, number] | null;
  /** What a strict endpoint closes with, or refuses with: a close code or an HTTP status. Null where it does neither. */
  code: number | null;
  codeName: string;
}

export interface MessageInfo {
  /** In its direction, from 1; null for control frames, which are not counted. */
  number: number | null;
  kind: "text" | "binary" | "close" | "ping" | "pong";
  length: number;
  compressed: boolean;
  /** How inflating went, in words. */
  inflation: string;
  /** Whether all of its bytes are here. */
  whole: boolean;
  fragments: number;
  firstRow: number | null;
  lastRow: number;
  isJson: boolean;
  /** The first byte that is not UTF-8, if this is text that is not. */
  badByte: number | null;
}

export interface HandshakeInfo {
  kind: "request" | "response";
  startLine: string;
  subprotocol: string | null;
  /** The agreed extensions, in words; null in a request. */
  extensions: string | null;
}

/** What two ends agreed on for permessage-deflate; what is left out is at its default. */
export interface DeflateParams {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  /** 8 to 15. */
  serverMaxWindowBits?: number;
  clientMaxWindowBits?: number;
}

/** A response's head as `AnswerReader.head()` tells it, judged as the answer to its request. */
export interface AnswerHead {
  /** Null where what came is no HTTP. */
  status: number | null;
  startLine: string;
  headers: [name: string, value: string][];
  bytes: number;
  /** Null where request or answer does not have exactly one. */
  acceptMatches: boolean | null;
  subprotocol: string | null;
  /** What was agreed on about compression. */
  deflate: Required<DeflateParams> | null;
  findings: { rule: string; section: string; says: string }[];
}

/** One frame as `dissect` and `AnswerReader.frame()` tell it, with nothing left out. Bytes are hex. */
export interface DissectedFrame {
  number: number;
  offset: number;
  header: {
    bytes: string;
    fin: boolean;
    rsv: number;
    opcode: number;
    opcodeName: string;
    maskingKey: string | null;
    lengthForm: 7 | 16 | 64;
    payloadLength: number;
    fields: [name: string, from: number, to: number][];
  };
  /** Unmasked, still compressed. */
  payload: string;
  payloadMissing: number;
  violations: { rule: string; section: string; field: string; closeCode: number; payloadOffset: number | null }[];
  fragment: { message: number; index: number } | null;
  inflatedLength: number | null;
  /** On the frame that completes it: inflated. */
  message: {
    kind: "text" | "binary" | null;
    compressed: boolean;
    payload: string;
    payloadIsWhole: boolean;
    fragments: number;
    inflation: string;
  } | null;
  close: { code: number | null; reason: string } | null;
}
