/** A message in the terms of its subprotocol. */
export interface Decoded {
  protocol: string;
  name: string;
  summary: string;
  parts: { label: string; value: string; says: string; section: string }[];
  /** What is wrong with it. */
  problem: string | null;
}
