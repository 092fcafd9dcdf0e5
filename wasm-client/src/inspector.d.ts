/** A whole number; as decimal text where it is above `Number.MAX_SAFE_INTEGER`. */
export type Count = number | string;

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
  /** What was found that no frame shows alone. */
  findings: number;
  /** What could not be read of the capture itself, if anything. */
  trouble: string | null;
  /** How far going through the rows held for the view has come: `count` of those `scanned` are in it. */
  view: { first: number; count: number; scanned: number; total: number; done: boolean };
  /** The same for what is looked for, if anything is. */
  search: { count: number; done: boolean } | null;
  sources: number;
  /** The time of the earliest row, in nanoseconds since 1970, and from there to the latest. */
  startNs: string;
  durationNs: number;
  /** Grows when rows that were shown before may look different now. */
  generation: number;
}

/** `tap`: of this server; `proxy`: of a proxy; `client`: the page's own; `file`. */
export type SourceKind = "tap" | "proxy" | "client" | "file";

/** Where captures come from, as `Capture.sources()` lists them. */
export interface SourceInfo {
  source: number;
  kind: SourceKind;
  name: string;
  format: string;
  /** Taken so far. */
  bytes: number;
  /** Rows held. */
  rows: number;
  done: boolean;
  trouble: string | null;
  /** TCP streams with payload that are no WebSocket as far as can be told. */
  unread: { stream: number; client: string; server: string; bytes: number; says: string }[];
}

/** What is listed, for `Capture.setView()`. */
export interface ViewSpec {
  /** In the filter language; empty for no filter. */
  filter: string;
  /** Each frame, or one row for each message. */
  layer: "frames" | "messages";
  connection: number | null;
  /** Nanoseconds since the earliest row. */
  between: [number, number] | null;
}

/** What is wrong with a text, and where, as JavaScript counts. */
export interface FilterProblem {
  message: string;
  from: number;
  to: number;
  hint: string | null;
  /** Of colours: which rule. */
  rule?: number;
}

/** What there is to say about a text that is to be a filter, by `Capture.checkFilter()`. */
export interface FilterCheck {
  problem: FilterProblem | null;
  /** The filter in words. */
  says: string | null;
}

/** What could stand at a place of a filter, by `Capture.completeFilter()`. */
export interface Completion {
  /** What an item takes the place of, as JavaScript counts. */
  from: number;
  to: number;
  /** The likeliest first. */
  items: { text: string; detail: string; kind: "field" | "value" | "operator" | "function" }[];
}

/** What a filter can ask about, by `Capture.filterFields()`. */
export interface FieldHelp {
  name: string;
  type: string;
  says: string;
  example: string;
  /** Values that have names. */
  values: string[];
  /** Other names, as Wireshark's. */
  aliases: string[];
}

/** What is looked for, for `Capture.setSearch()`. */
export interface SearchSpec {
  kind: "text" | "hex" | "regex" | "filter";
  text: string;
  /** Of a text or a regular expression. */
  matchCase: boolean;
}

/** A rule for `Capture.setColours()`: rows that pass the filter get the colour. */
export interface ColourRule {
  filter: string;
  colour: number;
}

/** The view over time, as `Capture.timeline()` counts it; pairs are client to server, server to client. */
export interface Timeline {
  /** Nanoseconds since the earliest row; each bucket is so long. */
  from: number;
  to: number;
  bucket: number;
  rows: [number[], number[]];
  bytes: [number[], number[]];
  violations: number[];
  /** The longest payloads. */
  largest: [number[], number[]];
}

/** A time without rows, and the row that ended it. */
export interface Silence {
  row: number;
  ns: number;
}

/** One line of the frame list. */
export interface Row {
  index: number;
  source: number;
  kind: "handshake" | "frame" | "gap" | "end" | "note";
  /** Since the epoch: seconds, and nanoseconds of the second. */
  time: [number, number];
  /** Nanoseconds since the earliest row, and since the row before. */
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
  /** The names of what is certain of its connection from here on. */
  findings: string[];
  /** Of the first rule that it fits. */
  colour: number | null;
  /** Whether it has what is looked for. */
  found: boolean;
  /** Nanoseconds since its ping, of a pong. */
  roundTrip: number | null;
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

/** What `Capture.exportBegin()` takes: everything, what the view lists, or these rows. */
export interface ExportSpec {
  format: "pcapng" | "har" | "jsonl";
  rows: "all" | "view" | number[];
}

/** A message of a connection, or a control frame. Its bytes come from `message()`. */
export interface StreamMessage {
  row: number;
  direction: Direction;
  kind: "text" | "binary" | "ping" | "pong" | "close";
  length: number;
  /** Nanoseconds since the earliest row. */
  at: number;
  /** The same for the same content. */
  hash: string;
}

/** Something that takes more than one frame to notice, and the row where it was certain. */
export interface Found {
  name:
    | "predictable-handshake-key"
    | "zero-masking-key"
    | "repeated-masking-key"
    | "predictable-masking-key"
    | "unanswered-ping";
  section: string;
  severity: "note" | "warning";
  row: number;
}

/** A connection in one line. Pairs are of the client and of the server. */
export interface ConnectionInfo {
  /** As in its rows. */
  connection: number;
  source: number;
  client: string;
  server: string;
  target: string;
  host: string;
  subprotocol: string | null;
  /** The answer as it was written. */
  extensions: string;
  state: "opening" | "open" | "closing" | "closed" | "refused";
  firstRow: number;
  rows: number;
  frames: [number, number];
  bytes: [number, number];
  messages: [number, number];
  violations: number;
  findings: Found[];
  /** Nanoseconds since the earliest row. */
  startNs: number;
  endNs: number | null;
  inProcess: boolean;
  /** Host and path, or addresses. */
  label: string;
}

/** Everything about one connection but its opening handshake, which the reader's `judgeHandshake()` judges. */
export interface Conversation {
  info: ConnectionInfo;
  /** The rows of both heads. */
  request: number | null;
  response: number | null;
  handshakeNs: number | null;
  closing: {
    by: "client" | "server" | "both" | null;
    /** Also 1005 and 1006, which no frame has. */
    code: number | null;
    reason: string;
    clean: boolean;
    says: string;
    rows: number[];
  };
  masking: {
    frames: number;
    /** The first so many were compared. */
    judged: number;
    distinct: number;
    repeated: { key: string; count: number; rows: number[] }[];
    verdict: "good" | "plain" | "bad";
    says: string;
  };
  /** `plain` counts messages sent uncompressed beside them. */
  compression: {
    direction: Direction;
    messages: number;
    plain: number;
    wire: number;
    inflated: number;
  }[];
  opcodes: { name: string; direction: Direction; count: number; bytes: number }[];
  /** Times in nanoseconds. */
  roundTrips: {
    count: number;
    min: number;
    median: number;
    max: number;
    unanswered: number;
    unsolicited: number;
  } | null;
  violations: { name: string; section: string; count: number; firstRow: number }[];
  /** Bytes that were not captured. */
  missing: number;
}

/** A ping, and the pong that answers it. */
export interface RoundTrip {
  connection: number;
  /** Of the ping, in nanoseconds since the earliest row. */
  at: number;
  ping: number;
  pong: number | null;
  ns: number | null;
  by: "client" | "server";
}

/** What says which subprotocol is spoken on a connection. */
export interface Spoken {
  /** The one that was agreed on. */
  subprotocol: string | null;
  /** The path and query that were asked for. */
  target: string;
}
