// @ts-check
// Cameras, microphones and screens: opening them, and saying in words what is wrong with them.

/** @typedef {"audio" | "video"} Kind */
/** @typedef {{ id: string, label: string }} Device */
/** @typedef {{ track: MediaStreamTrack | null, trouble: string }} Opened */

const CHOICES = "framescope.devices";

/** What a picture in a grid needs; the browser takes what comes closest. */
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

const NAMES = { audio: "microphone", video: "camera" };

/** Whether the browser lets this page ask at all: only where the page came over TLS, or from this computer. */
export function canCapture() {
  return typeof navigator.mediaDevices?.getUserMedia === "function";
}

/** Phones cannot show their screen. */
export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/**
 * Opens those that are wanted; what does not open leaves the others alone.
 *
 * @param {Partial<Record<Kind, string>>} wanted the device's id by kind, "" for any
 * @returns {Promise<Record<Kind, Opened>>}
 */
export async function openDevices(wanted) {
  /** @type {Record<Kind, Opened>} */
  const opened = { audio: { track: null, trouble: "" }, video: { track: null, trouble: "" } };
  /** @type {Kind[]} */
  const kinds = /** @type {const} */ (["audio", "video"]).filter((kind) => wanted[kind] !== undefined);
  if (!canCapture()) {
    const trouble =
      "The browser gives camera and microphone only to pages that came over https, or from this computer.";
    for (const kind of kinds) opened[kind].trouble = trouble;
    return opened;
  }
  // Both in one question, if that can be.
  if (kinds.length === 2) {
    try {
      const tracks = await capture({ audio: wishes("audio", wanted.audio), video: wishes("video", wanted.video) });
      for (const track of tracks) opened[track.kind === "audio" ? "audio" : "video"].track = track;
      return opened;
    } catch {
      // One of them fails: each by itself says which.
    }
  }
  for (const kind of kinds) opened[kind] = await openDevice(kind, wanted[kind] ?? "");
  return opened;
}

/**
 * @param {Kind} kind
 * @param {string} id
 * @returns {Promise<Opened>}
 */
async function openDevice(kind, id) {
  try {
    const [track = null] = await capture({ [kind]: wishes(kind, id) });
    return { track, trouble: "" };
  } catch (error) {
    // One that was unplugged since it was chosen: any other will do.
    if (id !== "" && nameOf(error) === "OverconstrainedError") return openDevice(kind, "");
    return { track: null, trouble: explained(error, kind) };
  }
}

/** @param {MediaStreamConstraints} constraints */
async function capture(constraints) {
  return (await navigator.mediaDevices.getUserMedia(constraints)).getTracks();
}

/** @param {Kind} kind @param {string} [id] @returns {MediaTrackConstraints} */
function wishes(kind, id) {
  return { ...(kind === "video" ? PICTURE : {}), ...(id ? { deviceId: { exact: id } } : {}) };
}

/**
 * @param {unknown} error
 * @param {Kind} kind
 */
function explained(error, kind) {
  const name = NAMES[kind];
  switch (nameOf(error)) {
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${name} was found.`;
    case "NotAllowedError":
    case "SecurityError":
      return `The ${name} is not allowed for this page. The browser’s address bar is where to allow it.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${name} cannot be used. Does another program have it?`;
    default:
      return `The ${name} does not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof DOMException ? error.name : "";
}

/**
 * What can be chosen. Without permission the browser says neither names nor ids.
 *
 * @returns {Promise<Record<Kind, Device[]>>}
 */
export async function listDevices() {
  const all = canCapture() ? await navigator.mediaDevices.enumerateDevices().catch(() => []) : [];
  return { audio: ofKind(all, "audio"), video: ofKind(all, "video") };
}

/** @param {MediaDeviceInfo[]} all @param {Kind} kind @returns {Device[]} */
function ofKind(all, kind) {
  const found = all.filter((device) => device.kind === `${kind}input` && device.deviceId !== "");
  return found.map(({ deviceId, label }, place) => ({ id: deviceId, label: label || `${NAMES[kind]} ${place + 1}` }));
}

/**
 * Asks which screen, window or tab to show.
 *
 * @returns {Promise<Opened>} neither track nor trouble: the person thought better of it
 */
export async function openScreen() {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
    const [track = null] = stream.getVideoTracks();
    // Letters have to stay sharp; movement may stutter.
    if (track) track.contentHint = "detail";
    return { track, trouble: "" };
  } catch (error) {
    if (nameOf(error) === "NotAllowedError") return { track: null, trouble: "" };
    return { track: null, trouble: `The screen cannot be shown: ${error instanceof Error ? error.message : error}` };
  }
}

/** Which devices were chosen last time. @returns {Record<Kind, string>} */
export function recallChoices() {
  try {
    const { audio, video } = JSON.parse(localStorage.getItem(CHOICES) ?? "{}");
    return { audio: typeof audio === "string" ? audio : "", video: typeof video === "string" ? video : "" };
  } catch {
    return { audio: "", video: "" };
  }
}

/** @param {Record<Kind, string>} choices */
export function keepChoices(choices) {
  try {
    localStorage.setItem(CHOICES, JSON.stringify(choices));
  } catch {
    // Then they are chosen again next time.
  }
}
