/** `c2s`: from the client to the server; `s2c`: the other way. */
export type Direction = "c2s" | "s2c";

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

/** What two ends agreed on for permessage-deflate; what is left out is at its default. */
export interface DeflateParams {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  /** 8 to 15. */
  serverMaxWindowBits?: number;
  clientMaxWindowBits?: number;
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
