// @ts-check
// The tiles of a call: one for each person, one for each screen that is shown.

import { el } from "../../lib/dom.js";
import { avatar } from "../../lib/text.js";

/**
 * @typedef {object} Tile
 * @property {string} key stays as long as what it shows
 * @property {string} name
 * @property {boolean} isOurs
 * @property {MediaStream | null} video
 * @property {MediaStream | null} audio
 * @property {boolean} isMuted
 * @property {boolean} isMirrored
 * @property {string} words what else there is to say
 */

/** @typedef {{ row: HTMLLIElement, video: HTMLVideoElement, audio: HTMLAudioElement | null, shows: string }} Known */

/** The shape that a tile should come close to. */
const SHAPE = 4 / 3;

/**
 * @param {HTMLElement} list
 * @param {() => void} silenced the browser does not play sound before somebody touches the page
 */
export function createTiles(list, silenced) {
  /** @type {Map<string, Known>} */
  const known = new Map();
  new ResizeObserver(arrangeColumns).observe(list);

  /** @param {Tile[]} tiles */
  function render(tiles) {
    const keys = new Set(tiles.map(({ key }) => key));
    for (const [key, { row, video, audio }] of known) {
      if (keys.has(key)) continue;
      video.srcObject = null;
      if (audio) audio.srcObject = null;
      row.remove();
      known.delete(key);
    }
    for (const tile of tiles) show(tile);
    arrangeColumns();
  }

  /** @param {Tile} tile */
  function show(tile) {
    const one = known.get(tile.key) ?? create(tile);
    play(one.video, tile.video);
    if (one.audio) play(one.audio, tile.audio);
    one.video.hidden = tile.video === null;
    const shows = JSON.stringify([tile.name, tile.isMuted, tile.isMirrored, tile.words]);
    if (one.shows === shows) return;
    one.shows = shows;
    one.row.dataset.mirrored = String(tile.isMirrored);
    one.video.setAttribute("aria-label", `Video of ${tile.name}`);
    one.row
      .querySelector(".tile-words")
      ?.replaceChildren(
        el("bdi", { class: "clip" }, tile.name),
        ...(tile.isMuted ? [el("span", { class: "tile-muted" }, "muted")] : []),
        ...(tile.words ? [el("span", { class: "tile-state" }, tile.words)] : []),
      );
  }

  /** @param {Tile} tile @returns {Known} */
  function create({ key, name, isOurs }) {
    // Sound has an element of its own: one that waits for a first picture would wait with the sound, too.
    const video = el("video", { class: "tile-video", muted: true, playsInline: true, autoplay: true });
    const audio = isOurs ? null : el("audio", { autoplay: true });
    const row = el(
      "li",
      { class: "tile", "data-key": key },
      el("div", { class: "tile-blank" }, withSize(avatar(name))),
      video,
      audio,
      el("p", { class: "tile-words" }),
    );
    list.append(row);
    const made = { row, video, audio, shows: "" };
    known.set(key, made);
    return made;
  }

  /** @param {HTMLMediaElement} element @param {MediaStream | null} stream */
  function play(element, stream) {
    if (element.srcObject === stream) return;
    element.srcObject = stream;
    if (!stream) return;
    element.play().catch((error) => {
      // An element that was given something else meanwhile complains, too.
      if (error instanceof DOMException && error.name === "NotAllowedError") silenced();
    });
  }

  /** As many columns as make the tiles largest. */
  function arrangeColumns() {
    const { clientWidth, clientHeight } = list;
    list.style.setProperty("--tile-columns", String(columnsFor(known.size, clientWidth, clientHeight)));
  }

  return {
    render,
    /** Somebody touched the page: what the browser held back may sound now. */
    playAll: () => {
      for (const { audio } of known.values()) if (audio?.srcObject) audio.play().catch(silenced);
    },
  };
}

/**
 * @param {number} count
 * @param {number} width
 * @param {number} height
 */
export function columnsFor(count, width, height) {
  let best = 1;
  let most = 0;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const side = Math.min(width / columns, (height / rows) * SHAPE);
    if (side > most * 1.02) {
      best = columns;
      most = side;
    }
  }
  return best;
}

/** @param {HTMLElement} disc */
function withSize(disc) {
  disc.classList.add("avatar-large");
  return disc;
}
