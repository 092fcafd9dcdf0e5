// What the inspector's page offers to its parts, and what they say to each other about the capture.
//
// A tool is a module `tools/NAME.js` with whatever it needs beside it, loaded when it is first opened. It is given a
// place in the page and the App, and has no other way to reach the page. tools.js lists them.

import type {
  ColourRule,
  Completion,
  ConnectionInfo,
  ExportSpec,
  FieldHelp,
  FilterCheck,
  FilterProblem,
  RoundTrip,
  SearchSpec,
  Silence,
  SourceInfo,
  SourceKind,
  Status,
  StreamMessage,
  Timeline,
  ViewSpec,
  Conversation as WireConversation,
  Details as WireDetails,
  FieldInfo as WireFieldInfo,
  Row as WireRow,
} from "../pkg/framescope_wasm.js";

export type {
  ColourRule,
  Completion,
  ConnectionInfo,
  FieldHelp,
  FilterProblem,
  Found,
  RoundTrip,
  SearchSpec,
  SourceInfo,
  SourceKind,
  Status,
  StreamMessage,
  Timeline,
  ViewSpec,
} from "../pkg/framescope_wasm.js";
export type { Decoded, JudgedHandshake } from "../pkg/reader/framescope_wasm.js";

/** Everything about one connection: the worker puts it together out of both modules. */
export type Conversation = WireConversation & JudgedHandshake;

import type { Decoded, JudgedHandshake } from "../pkg/reader/framescope_wasm.js";

/** A line of the list, with what its message is by its subprotocol, as `socket.io event`, once the reader has said so. */
export type Row = WireRow & { subprotocol: string | null };

/** All about a row, and the message that it completes in the terms of its subprotocol. */
export type Details = Omit<WireDetails, "row"> & { row: Row; decoded: Decoded | null };

/** For a learner: what this is, and why it is so; empty where the meaning says all. */
export type FieldInfo = WireFieldInfo & { explain?: string };

/** The running number of a row, from 0; never used again. Rows below `status.first` are gone. */
export type RowIndex = number;

export interface Tool {
  /** It is in sight, or in sight again; with what it was opened with. */
  shown?(argument?: unknown): void;
  hidden?(): void;
  /** Another row was chosen. */
  chosen?(): void;
  /** There is news of the capture, some twenty times a second at most. Only told to what is in sight. */
  changed?(): void;
}

/** What a tool's module exports. */
export interface ToolModule {
  mount(root: HTMLElement, app: App): Tool;
}

export interface Command {
  id: string;
  title: string;
  group: string;
  /** As `n`, `Shift+N`, `Ctrl+K`, `?`; several with spaces between. */
  keys?: string | undefined;
  run(): void;
  enabled?(): boolean;
}

export interface Chosen {
  index: RowIndex;
  details: Details;
  wire: Uint8Array<ArrayBuffer>;
  unmasked: Uint8Array<ArrayBuffer>;
}

export type AppEvent = "status" | "choosing" | "chosen" | "view" | "marked" | "sources" | "search" | "explain" | "time";

export type TimeMode = "start" | "previous" | "absolute";

export interface App {
  /** Each method of the wasm class Capture by name, asked of the worker: JSON is parsed already, errors are thrown. */
  readonly capture: CaptureProxy;
  readonly status: Status | null;
  /** This is the page of a proxy: it has no tunnel, and no other part of the server. */
  readonly isProxy: boolean;
  /** All there is was saved, and need not be asked about. */
  keep(): void;
  readonly sources: readonly SourceInfo[];
  readonly view: ViewSpec;
  /** Also puts it into the filter bar and the address. Answers with what is wrong with the filter: then nothing changed. */
  setView(change: Partial<ViewSpec>): Promise<FilterProblem | null>;
  readonly chosen: Chosen | null;
  /** The row chosen last, whose details may still be on their way. */
  readonly chosenIndex: RowIndex | null;
  /** Rows marked by the user; the first two are what "compare" compares. */
  readonly marked: ReadonlySet<RowIndex>;
  mark(index: RowIndex, isMarked: boolean): void;
  readonly timeMode: TimeMode;
  /** Whether a learner's texts are wanted beside what is shown. */
  readonly explains: boolean;
  /** Selects a row and brings it into sight. */
  choose(index: RowIndex): void;
  /** Files the page is to read, as if they had been dropped on it. */
  openFiles(files: Iterable<File>): void;
  openTool(name: string, argument?: unknown): Promise<void>;
  /** Back to the frame. */
  closeTool(): void;
  on(event: AppEvent, handler: () => void, signal?: AbortSignal): void;
  /** The palette, the sheet of keys and the keyboard in one. */
  command(command: Command): void;
  /** A polite live region, and a toast. */
  say(text: string, kind?: "good" | "warn" | "danger"): void;
  copy(text: string, what: string): Promise<void>;
  /** Rows as a file, piece by piece; an export that is under way is waited for. */
  exported(spec: ExportSpec): AsyncGenerator<Uint8Array<ArrayBuffer>, void>;
  download(name: string, type: string, pieces: BlobPart[]): void;
  readonly signal: AbortSignal;
}

/** `Capture`, asked across threads. Objects may be given where it takes JSON. */
export interface CaptureProxy {
  addSource(kind: SourceKind, name: string): Promise<number>;
  /** The bytes are copied. */
  feed(source: number, bytes: Uint8Array): Promise<void>;
  finish(source: number): Promise<void>;
  restart(source: number): Promise<void>;
  removeSource(source: number): Promise<void>;
  sources(): Promise<SourceInfo[]>;
  openClient(source: number, url: string): Promise<number>;
  clientBytes(handle: number, direction: "c2s" | "s2c", timeMs: number, bytes: Uint8Array): Promise<void>;
  /** The same of a frame that somebody had a hand in on its way; `comment` says what was done. */
  clientIntervened(
    handle: number,
    direction: "c2s" | "s2c",
    timeMs: number,
    bytes: Uint8Array,
    comment: string,
  ): Promise<void>;
  clientEnd(handle: number, direction: "c2s" | "s2c", isReset: boolean): Promise<void>;
  /** The number that the rows of this connection have, once it has any. */
  clientConnection(handle: number): Promise<number | undefined>;
  assume(source: number, word: StreamWord): Promise<void>;
  status(): Promise<Status>;
  rows(from: RowIndex, count: number): Promise<Row[]>;
  frame(index: RowIndex): Promise<Details | undefined>;
  wire(index: RowIndex): Promise<Uint8Array<ArrayBuffer> | undefined>;
  unmasked(index: RowIndex): Promise<Uint8Array<ArrayBuffer> | undefined>;
  message(index: RowIndex): Promise<Uint8Array<ArrayBuffer> | undefined>;
  messageJson(index: RowIndex): Promise<string | undefined>;
  clear(): Promise<void>;
  setBudget(bytes: number): Promise<void>;
  setView(spec: ViewSpec): Promise<FilterProblem | undefined>;
  viewRows(from: number, count: number): Promise<Row[]>;
  viewPlace(index: RowIndex): Promise<number>;
  viewIndex(place: number): Promise<RowIndex | undefined>;
  setColours(rules: ColourRule[]): Promise<(FilterProblem & { rule: number }) | undefined>;
  setSearch(spec: SearchSpec | ""): Promise<FilterProblem | undefined>;
  nextFound(from: RowIndex, backwards: boolean): Promise<RowIndex | undefined>;
  nextViolation(from: number, backwards: boolean): Promise<RowIndex | undefined>;
  checkFilter(text: string): Promise<FilterCheck>;
  completeFilter(text: string, at: number): Promise<Completion>;
  filterFields(): Promise<FieldHelp[]>;
  connections(): Promise<ConnectionInfo[]>;
  conversation(connection: number): Promise<Conversation | undefined>;
  roundTrips(connection?: number): Promise<RoundTrip[]>;
  timeline(spec: { from: number | null; to: number | null; buckets: number }): Promise<Timeline>;
  /** The first row of the view at or after this time, in nanoseconds since the earliest row. */
  rowAt(nanos: number): Promise<RowIndex | undefined>;
  silences(count: number): Promise<Silence[]>;
  /** Of a connection, those behind the row `after`, in order. */
  messagesOf(connection: number, after: RowIndex, count: number): Promise<StreamMessage[]>;
  /** The rules that the frame breaks by itself, as if nothing had been said before. */
  rulesAlone(index: RowIndex): Promise<string[]>;
  exportBegin(spec: ExportSpec): Promise<void>;
  exportNext(): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** The user's word on a TCP stream that nothing else says is WebSocket. */
export interface StreamWord {
  stream: number;
  /** `ip:port` of the end that is the client. */
  client: string;
  deflate: object | null;
}
