/** What goes out as it is, or as text: `ArrayBuffer`, typed arrays, `DataView` and `Buffer` are binary; all else is `String(data)`. */
export type Sendable = unknown;

/** What comes in: a `Buffer` under Node; in a page a `Uint8Array` whose `toString()` is its UTF-8 text. */
export interface Data extends Uint8Array<ArrayBuffer> {
  toString(): string;
}

/** What each event hands to its listeners. */
export interface WebSocketClientEvents {
  /** The opening handshake is done. */
  open: [];
  /** A whole message, inflated. `isBinary` is false for a text message. */
  message: [data: Data, isBinary: boolean];
  ping: [data: Data];
  pong: [data: Data];
  /** The last event of a connection. `code` is what the peer's Close frame said, 1005 if it said nothing, 1006 if there was none. */
  close: [code: number, reason: string, wasClean: boolean];
  /** What went wrong, and where; `close` follows. Without a listener, it is thrown where nobody catches it. */
  error: [error: WebSocketClientError];
  /** Bytes as they were read from, or written to, the stream: both handshakes and every frame. Not copied for nobody. */
  wire: [direction: Direction, bytes: Uint8Array<ArrayBuffer>];
  /** One whole frame as it was on the wire, however the stream was cut. Payload, if masked, still masked. Control frames
   * and our own raw frames too. `dissect` says what each bit means. */
  frame: [direction: Direction, bytes: Uint8Array<ArrayBuffer>];
}

export type WebSocketClientErrorCode =
  /** The address, an option or an argument is not one. */
  | "ERR_INVALID_ARGUMENT"
  /** The byte stream could not be had: refused by the tunnel, no such host, TLS not trusted, .. */
  | "ERR_STREAM"
  /** It took too long to open. */
  | "ERR_TIMEOUT"
  /** The server did not answer with the 101 that RFC 6455 wants; `status` is what it refused with, `rule` what its 101 breaks. */
  | "ERR_HANDSHAKE"
  /** The server broke a rule; `rule` and `section` name it, `closeCode` is what we closed with. */
  | "ERR_PROTOCOL"
  /** A message is over a limit of ours. */
  | "ERR_LIMIT";

export interface WebSocketClientError extends Error {
  code: WebSocketClientErrorCode;
  status?: number;
  /** The server's answer, head and the beginning of its body, if it refused. */
  response?: string;
  rule?: string;
  section?: string;
  closeCode?: number;
  /** The stream's own error. */
  cause?: unknown;
}

export interface DeflateOffer {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  /** 8 to 15. */
  serverMaxWindowBits?: number;
  /** 8 to 15; `true` leaves it to the server. Default: true. */
  clientMaxWindowBits?: number | boolean;
  /** 1 (fast) to 9 (small). */
  level?: number;
  /** Shorter messages go out as they are. In bytes; 0 compresses all, even where that makes them longer. Default: 128. */
  threshold?: number;
}

/** Bytes both ways, in order. What the client runs on. */
export interface ByteStream {
  /** Hands these bytes over. When the promise is settled, more may follow; until then the client counts them as buffered. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** No more will be written. */
  end(): void;
  /** Cuts both ways at once. Never throws. */
  destroy(): void;
}

/** What a stream tells its client. */
export interface ByteStreamHandlers {
  /** Bytes came, and are the client's now; until the promise it returns, if any, is settled, none should follow. */
  data(bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  /** The other side writes no more. */
  end(): void;
  /** Nothing works any more; `error` says why, if it was not for `destroy()`. */
  closed(error?: Error): void;
}

export type OpenStream = (
  target: { url: string; host: string; port: number; isSecure: boolean; signal: AbortSignal },
  handlers: ByteStreamHandlers,
) => ByteStream | Promise<ByteStream>;

/** Where a bare stream leads through, and what gives it up while it opens. */
export interface StreamOptions {
  tunnel?: string | URL;
  tls?: object;
  signal?: AbortSignal;
}

export interface WebSocketClientOptions {
  /** Subprotocols to offer, the one liked best first. */
  protocols?: string | string[];
  /** Offer permessage-deflate. Default: true. */
  compression?: boolean | DeflateOffer;
  /** Further headers of the opening handshake: whatever a browser would not let you set. */
  headers?: Record<string, string | string[]>;
  /** Largest message taken, after inflation, in bytes; Close 1009 over it. Default: 16 MiB. */
  messageMax?: number;
  /** Most fragments in a message. Default: 65536. */
  fragmentsMax?: number;
  /** In milliseconds. Default: 10000. */
  handshakeTimeout?: number;
  /** How long to wait for the server's half of the closing handshake, in milliseconds. Default: 5000. */
  closeTimeout?: number;
  /** Where the tunnel is, in a page. Default: `/tunnel` on the server the page is from. */
  tunnel?: string | URL;
  /** Under Node: what `tls.connect` takes, such as `ca` or `servername`. */
  tls?: object;
  /** A byte stream of your own in place of the tunnel or Node's sockets. */
  stream?: OpenStream;
}

export interface SendOptions {
  /** Bytes of payload in each fragment; 0, the default, is one frame. */
  fragmentSize?: number;
  /** Compress, if that was agreed. Default: true. */
  compress?: boolean;
}

/** A WebSocket client that writes every byte of RFC 6455 itself. Under Node it is an `EventEmitter`. */
export class WebSocketClient {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /** Begins to connect at once. `wss:` under Node is TLS; in a page, the tunnel's server speaks it.
   * @throws {WebSocketClientError} ERR_INVALID_ARGUMENT, and nothing else, ever */
  constructor(url: string | URL, options?: WebSocketClientOptions);

  /** The byte stream that a client for `url` would run on, and no client: whoever writes the opening handshake and every
   * frame behind it by hand needs nothing else. `AnswerReader` reads what comes back. */
  static openStream(url: string | URL, handlers: ByteStreamHandlers, options?: StreamOptions): Promise<ByteStream>;

  readonly url: string;
  readonly readyState: 0 | 1 | 2 | 3;
  /** Bytes handed over that the stream has not taken yet. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose; "" if none. */
  readonly protocol: string;
  /** The extensions agreed on, as the server wrote them; "" if none. */
  readonly extensions: string;

  /** None of these throws once the connection is closing or closed: then they do nothing. Before it is open they wait. */
  send(data: Sendable, options?: SendOptions): this;
  /** At most 125 bytes of UTF-8 or binary. */
  ping(data?: Sendable): this;
  pong(data?: Sendable): this;
  /** 1000, or 3000 to 4999, with at most 123 bytes of reason. */
  close(code?: number, data?: Sendable): this;
  /** Puts bytes on the wire as they are, whatever they mean; also behind a Close, as long as the server listens. */
  sendRaw(bytes: Uint8Array | ArrayBuffer): this;
  /** Puts a frame on the wire exactly as it was built: any opcode, any bit, any length form, any mask or none. */
  sendFrame(frame: WebSocketFrame): this;
  /** Cuts the connection without a word: `close` with 1006. */
  terminate(): void;
  /** The same, by the name that other objects of this module have for it. */
  free(): void;
  [Symbol.dispose](): void;

  on<E extends keyof WebSocketClientEvents>(event: E, listener: (...args: WebSocketClientEvents[E]) => void): this;
  once<E extends keyof WebSocketClientEvents>(event: E, listener: (...args: WebSocketClientEvents[E]) => void): this;
  off<E extends keyof WebSocketClientEvents>(event: E, listener: (...args: WebSocketClientEvents[E]) => void): this;
  addListener<E extends keyof WebSocketClientEvents>(event: E, listener: (...args: WebSocketClientEvents[E]) => void): this;
  removeListener<E extends keyof WebSocketClientEvents>(event: E, listener: (...args: WebSocketClientEvents[E]) => void): this;
  removeAllListeners(event?: keyof WebSocketClientEvents): this;
  emit<E extends keyof WebSocketClientEvents>(event: E, ...args: WebSocketClientEvents[E]): boolean;
  listenerCount(event: keyof WebSocketClientEvents): number;
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
