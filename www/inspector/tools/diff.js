// @ts-check
// What two sequences have in common, and where they differ.

/**
 * A step from one sequence to the other.
 *
 * @typedef {{ how: "same", left: number, right: number } | { how: "changed", left: number, right: number }
 *   | { how: "missing", left: number } | { how: "extra", right: number }} Step
 */

/** More pairs than this are not weighed: what lies between the common beginning and end is then paired as it stands. */
const MOST = 4_000_000;

/**
 * The steps from `left` to `right`, with as many in common as can be.
 *
 * @template T
 * @param {T[]} left
 * @param {T[]} right
 * @param {(one: T, other: T) => boolean} isSame
 * @param {(one: T, other: T) => boolean} [isKin] whether one may be shown as the other, changed
 * @returns {Step[]}
 */
export function diff(left, right, isSame, isKin = () => true) {
  let start = 0;
  const shorter = Math.min(left.length, right.length);
  while (start < shorter && isSame(at(left, start), at(right, start))) start += 1;
  let tail = 0;
  while (tail < shorter - start && isSame(at(left, left.length - 1 - tail), at(right, right.length - 1 - tail)))
    tail += 1;
  /** @type {Step[]} */
  const steps = [];
  for (let place = 0; place < start; place += 1) steps.push({ how: "same", left: place, right: place });
  const [leftEnd, rightEnd] = [left.length - tail, right.length - tail];
  const middle =
    (leftEnd - start) * (rightEnd - start) > MOST
      ? unweighed(start, leftEnd, rightEnd)
      : weighed(left, right, { start, leftEnd, rightEnd }, isSame);
  steps.push(...paired(middle, left, right, isKin));
  for (let place = 0; place < tail; place += 1)
    steps.push({ how: "same", left: leftEnd + place, right: rightEnd + place });
  return steps;
}

/**
 * The longest common subsequence, by the table that everyone uses.
 *
 * @template T
 * @param {T[]} left
 * @param {T[]} right
 * @param {{ start: number, leftEnd: number, rightEnd: number }} range
 * @param {(one: T, other: T) => boolean} isSame
 * @returns {Step[]}
 */
function weighed(left, right, { start, leftEnd, rightEnd }, isSame) {
  const width = rightEnd - start + 1;
  const best = new Uint32Array((leftEnd - start + 1) * width);
  for (let one = leftEnd - 1; one >= start; one -= 1) {
    for (let other = rightEnd - 1; other >= start; other -= 1) {
      const here = (one - start) * width + (other - start);
      best[here] = isSame(at(left, one), at(right, other))
        ? 1 + at(best, here + width + 1)
        : Math.max(at(best, here + width), at(best, here + 1));
    }
  }
  /** @type {Step[]} */
  const steps = [];
  let [one, other] = [start, start];
  while (one < leftEnd && other < rightEnd) {
    const here = (one - start) * width + (other - start);
    if (isSame(at(left, one), at(right, other))) steps.push({ how: "same", left: one++, right: other++ });
    else if (at(best, here + width) >= at(best, here + 1)) steps.push({ how: "missing", left: one++ });
    else steps.push({ how: "extra", right: other++ });
  }
  while (one < leftEnd) steps.push({ how: "missing", left: one++ });
  while (other < rightEnd) steps.push({ how: "extra", right: other++ });
  return steps;
}

/** @param {number} start @param {number} leftEnd @param {number} rightEnd @returns {Step[]} */
function unweighed(start, leftEnd, rightEnd) {
  /** @type {Step[]} */
  const steps = [];
  for (let place = start; place < leftEnd; place += 1) steps.push({ how: "missing", left: place });
  for (let place = start; place < rightEnd; place += 1) steps.push({ how: "extra", right: place });
  return steps;
}

/**
 * What is missing and what stands in its place are one change, where they are of a kind.
 *
 * @template T
 * @param {Step[]} steps
 * @param {T[]} left
 * @param {T[]} right
 * @param {(one: T, other: T) => boolean} isKin
 * @returns {Step[]}
 */
function paired(steps, left, right, isKin) {
  /** @type {Step[]} */
  const result = [];
  for (let place = 0; place < steps.length; ) {
    if (steps[place]?.how === "same") {
      result.push(/** @type {Step} */ (steps[place]));
      place += 1;
      continue;
    }
    /** @type {number[]} */
    const missing = [];
    /** @type {number[]} */
    const extra = [];
    for (; place < steps.length; place += 1) {
      const step = steps[place];
      if (step?.how === "missing") missing.push(step.left);
      else if (step?.how === "extra") extra.push(step.right);
      else break;
    }
    while (missing.length > 0 || extra.length > 0) {
      const [one, other] = [missing[0], extra[0]];
      if (one !== undefined && other !== undefined && isKin(at(left, one), at(right, other))) {
        result.push({ how: "changed", left: one, right: other });
        missing.shift();
        extra.shift();
      } else if (one !== undefined && (other === undefined || missing.length >= extra.length)) {
        result.push({ how: "missing", left: one });
        missing.shift();
      } else if (other !== undefined) {
        result.push({ how: "extra", right: other });
        extra.shift();
      }
    }
  }
  return result;
}

/**
 * @template T
 * @param {ArrayLike<T>} list
 * @param {number} place within the list
 * @returns {T}
 */
function at(list, place) {
  // The cast: every place asked for is within the list.
  return /** @type {T} */ (list[place]);
}
