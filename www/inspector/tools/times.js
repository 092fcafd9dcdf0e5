// @ts-check
// Lengths of time for people, from the nanoseconds of a capture.

/**
 * Three digits and a unit: `1.25 s`, `340 ms`, `12.5 µs`.
 *
 * @param {number} nanos
 * @returns {string}
 */
export function span(nanos) {
  const size = Math.abs(nanos);
  if (size >= 60e9) {
    const minutes = Math.floor(size / 60e9);
    const rest = Math.round((size - minutes * 60e9) / 1e9);
    return `${nanos < 0 ? "−" : ""}${minutes}\u00A0min${rest > 0 ? ` ${rest}\u00A0s` : ""}`;
  }
  /** @type {[number, string]} */
  const [unit, name] = size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  return `${String(Number((nanos / unit).toPrecision(3))).replace("-", "−")}\u00A0${name}`;
}

/**
 * A moment of the capture: seconds since its earliest row, with as many digits as tell buckets of this size apart.
 *
 * @param {number} nanos
 * @param {number} step
 * @returns {string}
 */
export function moment(nanos, step) {
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(Math.max(1, step) / 1e9))));
  return `${(nanos / 1e9).toFixed(digits)}\u00A0s`;
}
