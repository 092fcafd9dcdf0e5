/** A message in the terms of its subprotocol. */
export interface Decoded {
  protocol: string;
  name: string;
  summary: string;
  parts: { label: string; value: string; says: string; section: string }[];
  /** What is wrong with it. */
  problem: string | null;
}

/** An opening handshake, judged. */
export interface JudgedHandshake {
  /** Each line of both, the first lines as `request line` and `status line`; a missing one has an empty value. */
  headers: {
    side: "request" | "response";
    name: string;
    value: string;
    verdict: "good" | "plain" | "bad";
    says: string;
    section: string;
  }[];
  /** One for each offer, in order, then what was answered unasked. */
  agreed: {
    extension: string;
    offered: string;
    answered: string;
    inForce: boolean;
    verdict: "good" | "plain" | "bad";
    says: string;
  }[];
  subprotocol: { offered: string[]; chosen: string | null; says: string };
}
