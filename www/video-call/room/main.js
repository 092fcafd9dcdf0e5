// @ts-check
// One call: choose camera and microphone, come in, see and hear the others.

import { connect } from "../../lib/app-socket.js";
import { ask } from "../../lib/ask.js";
import { hideBanner, showBanner } from "../../lib/banner.js";
import { byId, el, on, setText, show } from "../../lib/dom.js";
import { startPage } from "../../lib/page.js";
import { avatar, counted } from "../../lib/text.js";
import {
  canCapture,
  canShareScreen,
  keepChoices,
  listDevices,
  openDevices,
  openScreen,
  recallChoices,
} from "./devices.js";
import { createMesh } from "./mesh.js";
import { createTiles } from "./tiles.js";

/** @import { Device, Kind } from "./devices.js" */
/** @import { Tile } from "./tiles.js" */
/** @import { Heard } from "../../lib/protocol.js" */

const callId = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
const { user } = await startPage({ needsUser: true });
const me = user?.username ?? "";

const state = {
  /** `lobby`: before coming in; `missing`: there is no such call. @type {"lobby" | "joining" | "call" | "missing"} */
  stage: "lobby",
  name: "",
  /** Whether the list of calls has this one; null until it was seen. @type {boolean | null} */
  isListed: null,
  /** @type {Record<Kind, MediaStreamTrack | null>} */
  tracks: { audio: null, video: null },
  /** What the person wants; whether there is something to do it with is another matter. @type {Record<Kind, boolean>} */
  isOn: { audio: true, video: true },
  /** @type {Record<Kind, string>} */
  trouble: { audio: "", video: "" },
  /** @type {Record<Kind, boolean>} */
  isOpening: { audio: false, video: false },
  /** @type {Record<Kind, Device[]>} */
  devices: { audio: [], video: [] },
  chosen: recallChoices(),
  /** @type {MediaStreamTrack | null} */
  screen: null,
  isSilenced: false,
};

/** What was granted last, while the server cannot be asked. @type {RTCIceServer[]} */
let iceServers = [];
/** Our own picture, as the tile wants it: the same object for the same track. @type {Map<MediaStreamTrack, MediaStream>} */
const streams = new Map();
let isRendering = false;
/** Everybody who was in the call when it was last looked at, to tell who came and who went. @type {Map<number, string>} */
let present = new Map();

const life = new AbortController();
const mesh = createMesh({
  send: (message) => void socket.send(message),
  changed: renderSoon,
  iceServers: askIceServers,
});
const socket = connect({
  signal: life.signal,
  kept: "Those who are in the call still see and hear each other.",
  on: { open: opened, message: heard },
});
const preview = byId("preview", HTMLVideoElement);
const screens = createTiles(byId("screens", HTMLElement), () => {});
const tiles = createTiles(byId("tiles", HTMLElement), () => {
  state.isSilenced = true;
  renderSoon();
});

on(byId("join", HTMLButtonElement), "click", () => void join());
for (const kind of /** @type {const} */ (["audio", "video"])) {
  for (const place of ["lobby", "call"])
    on(byId(`${place}-${kind}`, HTMLButtonElement), "click", () => void toggle(kind));
  for (const place of ["lobby", "sheet"]) {
    const select = byId(`${place}-${kind}-device`, HTMLSelectElement);
    on(select, "change", () => void choose(kind, select.value));
  }
}
on(byId("share", HTMLButtonElement), "click", () => void (state.screen ? stopSharing() : share()));
on(byId("leave", HTMLButtonElement), "click", leave);
on(byId("devices", HTMLButtonElement), "click", () => byId("sheet", HTMLDialogElement).showModal());
on(byId("sheet-close", HTMLButtonElement), "click", () => byId("sheet", HTMLDialogElement).close());
on(byId("invite", HTMLButtonElement), "click", () => void invite());
on(byId("sound", HTMLButtonElement), "click", () => {
  state.isSilenced = false;
  tiles.playAll();
  render();
});
if (canCapture()) navigator.mediaDevices.addEventListener("devicechange", () => void refreshDevices());
addEventListener("online", () => mesh.restart());
addEventListener("pagehide", () => mesh.close());
addEventListener("pageshow", (event) => {
  // What was closed on leaving does not come back from the browser's memory.
  if (event.persisted) location.reload();
});
render();
await openBoth();

/** Asks for what is wanted, and says what there is. */
async function openBoth() {
  state.isOpening = { audio: true, video: true };
  render();
  const { audio, video } = await openDevices(state.chosen);
  state.isOpening = { audio: false, video: false };
  take("audio", audio);
  take("video", video);
  await refreshDevices();
}

/** @param {Kind} kind @param {import("./devices.js").Opened} opened */
function take(kind, { track, trouble }) {
  const before = state.tracks[kind];
  if (before && before !== track) {
    before.onended = null;
    before.stop();
    streams.delete(before);
  }
  state.tracks[kind] = track;
  state.trouble[kind] = trouble;
  if (!track) state.isOn[kind] = false;
  else {
    if (kind === "audio") track.enabled = state.isOn.audio;
    track.onended = () => {
      take(kind, { track: null, trouble: kind === "audio" ? "The microphone is gone." : "The camera is gone." });
      void refreshDevices();
    };
  }
  // Whoever turned the camera off while it was starting.
  if (kind === "video" && track && !state.isOn.video) return take("video", { track: null, trouble: "" });
  tell();
  render();
}

/** Gives the others what there is to see and hear. */
function tell() {
  const { tracks, isOn, screen } = state;
  mesh.update(
    { audio: tracks.audio, video: tracks.video, screen },
    {
      mic: isOn.audio && tracks.audio !== null,
      camera: isOn.video && tracks.video !== null,
      screen: screen !== null,
    },
  );
}

/** @param {Kind} kind */
async function toggle(kind) {
  if (state.isOpening[kind]) return;
  if (state.isOn[kind] && state.tracks[kind]) {
    state.isOn[kind] = false;
    // A camera that is off is off: its light goes out. A microphone has to be back at once.
    if (kind === "video") take("video", { track: null, trouble: "" });
    else if (state.tracks.audio) state.tracks.audio.enabled = false;
    tell();
    return render();
  }
  state.isOn[kind] = true;
  if (state.tracks[kind]) {
    state.tracks[kind].enabled = true;
    tell();
    return render();
  }
  await open(kind);
}

/** @param {Kind} kind */
async function open(kind) {
  state.isOpening[kind] = true;
  render();
  const opened = await openDevices({ [kind]: state.chosen[kind] });
  state.isOpening[kind] = false;
  take(kind, opened[kind]);
  await refreshDevices();
}

/** @param {Kind} kind @param {string} id */
async function choose(kind, id) {
  state.chosen[kind] = id;
  keepChoices(state.chosen);
  if (!state.isOn[kind] && kind === "video") return;
  const wasOn = state.isOn[kind];
  // Some systems open a camera or microphone only once.
  state.tracks[kind]?.stop();
  state.isOn[kind] = true;
  await open(kind);
  if (!wasOn && state.tracks[kind]) await toggle(kind);
}

async function refreshDevices() {
  state.devices = await listDevices();
  render();
}

async function share() {
  const { track, trouble } = await openScreen();
  if (trouble) showBanner("screen", { title: trouble });
  else hideBanner("screen");
  if (!track) return;
  state.screen = track;
  // Ended by the browser's own bar, or because the window was closed.
  track.onended = stopSharing;
  tell();
  render();
}

function stopSharing() {
  state.screen?.stop();
  state.screen = null;
  tell();
  render();
}

async function join() {
  if (state.stage !== "lobby") return;
  state.stage = "joining";
  render();
  await mesh.prepare().catch(() => {});
  enter();
}

function enter() {
  socket.send({ messageType: "join_call", callId });
}

/** @param {boolean} isAgain */
function opened(isAgain) {
  socket.send({ messageType: "get_calls" });
  // The others know us by the connection that was lost: they are to know the new one.
  if (state.stage === "joining" || (isAgain && state.stage === "call")) enter();
}

/** @param {Heard} message */
function heard(message) {
  switch (message.messageType) {
    case "call_list": {
      const listed = message.calls.find(({ id }) => id === callId);
      state.isListed = listed !== undefined;
      if (listed) state.name = listed.name;
      break;
    }
    case "call_info":
      state.name = message.name;
      hideBanner("call");
      break;
    case "existing_participants":
      entered(message.participants);
      break;
    case "user_joined":
      mesh.entered(message);
      break;
    case "user_left":
      void mesh.left(message.socketId);
      break;
    case "offer":
    case "answer":
    case "ice_candidate":
      void mesh.heard(message);
      break;
    case "error":
      refused(message.error);
      break;
  }
  renderSoon();
}

/** @param {import("./mesh.js").Participant[]} participants */
function entered(participants) {
  if (state.stage === "joining") {
    state.stage = "call";
    byId("call-title", HTMLElement).focus();
  }
  mesh.joined(participants);
  tell();
}

/** @param {string} error */
function refused(error) {
  if (state.stage === "joining") {
    state.stage = "missing";
    stopAll();
  } else if (state.stage === "call" && /call/i.test(error) && mesh.connections.length === 0) {
    showBanner("call", { title: "The server does not know this call any more." });
  }
}

async function askIceServers() {
  const { isOk, json } = await ask("/api/ice-servers");
  if (isOk && typeof json === "object" && json && "iceServers" in json && Array.isArray(json.iceServers))
    iceServers = json.iceServers;
  return iceServers;
}

function leave() {
  mesh.close();
  life.abort();
  stopAll();
  location.assign("/video-call");
}

function stopAll() {
  for (const track of [state.tracks.audio, state.tracks.video, state.screen]) {
    if (!track) continue;
    track.onended = null;
    track.stop();
  }
  Object.assign(state, { tracks: { audio: null, video: null }, screen: null });
}

async function invite() {
  const button = byId("invite-words", HTMLElement);
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Link copied";
  } catch {
    // Not allowed, or no https: then it is in the address bar.
    button.textContent = "See address bar";
  }
  setTimeout(() => {
    button.textContent = "Copy link";
  }, 2_500);
}

/** @param {MediaStreamTrack | null} track */
function streamOf(track) {
  if (!track) return null;
  const stream = streams.get(track) ?? new MediaStream([track]);
  streams.set(track, stream);
  return stream;
}

/** Once for all that happens in a row; a frame would never come in a tab that nobody looks at. */
function renderSoon() {
  if (isRendering) return;
  isRendering = true;
  setTimeout(() => {
    isRendering = false;
    render();
  });
}

function render() {
  const { stage, name } = state;
  const isLobby = stage === "lobby" || stage === "joining";
  const title = name || "Video call";
  document.title = `${title} · Framescope`;
  document.body.dataset.stage = stage;
  show("lobby", isLobby);
  show("call", stage === "call");
  show("missing", stage === "missing");
  setText("lobby-title", name || "Join the call");
  setText("call-title", title);
  for (const kind of /** @type {const} */ (["audio", "video"])) renderKind(kind);
  if (isLobby) renderLobby();
  if (stage === "call") renderCall();
}

/** @param {Kind} kind */
function renderKind(kind) {
  const isOn = state.isOn[kind] && state.tracks[kind] !== null;
  const isOpening = state.isOpening[kind];
  const words = kind === "audio" ? ["Mute", "Unmute"] : ["Camera off", "Camera on"];
  for (const place of ["lobby", "call"]) {
    const button = byId(`${place}-${kind}`, HTMLButtonElement);
    button.dataset.on = String(isOn);
    button.disabled = isOpening;
    setText(`${place}-${kind}-words`, isOpening ? "Starting" : ((isOn ? words[0] : words[1]) ?? ""));
  }
  for (const place of ["lobby", "sheet"]) {
    renderDevices(byId(`${place}-${kind}-device`, HTMLSelectElement), kind);
    setText(`${place}-${kind}-trouble`, state.trouble[kind]);
  }
}

/** @param {HTMLSelectElement} select @param {Kind} kind */
function renderDevices(select, kind) {
  const found = state.devices[kind];
  const none = kind === "audio" ? "No microphone" : "No camera";
  const listed = found.length > 0 ? found : [{ id: "", label: state.tracks[kind] ? "In use" : none }];
  const shows = JSON.stringify(listed);
  if (select.dataset.shows !== shows) {
    select.dataset.shows = shows;
    select.replaceChildren(...listed.map(({ id, label }) => el("option", { value: id }, label)));
  }
  select.disabled = found.length === 0;
  // While another one is starting, the choice counts.
  const used = state.isOpening[kind] ? undefined : state.tracks[kind]?.getSettings().deviceId;
  const current = [used, state.chosen[kind]].find((id) => listed.some((one) => one.id === id));
  if (current !== undefined && select.value !== current) select.value = current;
}

function renderLobby() {
  const { tracks, isOn, isOpening, stage } = state;
  const stream = streamOf(tracks.video);
  if (preview.srcObject !== stream) {
    preview.srcObject = stream;
    if (stream) preview.play().catch(() => {});
  }
  preview.hidden = stream === null;
  const blank = byId("preview-blank", HTMLElement);
  if (blank.childElementCount === 0) {
    const disc = avatar(me);
    disc.classList.add("avatar-large");
    blank.append(disc, el("span", { id: "preview-words" }));
  }
  const isAsking = isOpening.audio || isOpening.video;
  setText("preview-words", isAsking ? "Waiting for camera and microphone …" : "Your camera is off.");
  const joins = [isOn.video && tracks.video ? "see" : "", isOn.audio && tracks.audio ? "hear" : ""];
  const said = joins.filter((words) => words !== "").join(" and ");
  setText(
    "lobby-words",
    isAsking ? "" : said ? `The others can ${said} you.` : "You see and hear the others; they see only your name.",
  );
  show("unlisted", state.isListed === false);
  const button = byId("join", HTMLButtonElement);
  button.disabled = stage === "joining";
  button.textContent = stage === "joining" ? "Joining …" : "Join";
}

function renderCall() {
  const { people } = mesh;
  const { tracks, isOn, screen } = state;
  /** @type {Tile[]} */
  const shown = people.map(({ id, username, state: link, about, audio, video }) => ({
    key: `p${id}`,
    name: username,
    isOurs: false,
    audio,
    video,
    isMuted: !about.mic,
    isMirrored: false,
    words: link === "connected" ? "" : link === "connecting" ? "connecting …" : "reconnecting …",
  }));
  const ours = { isOurs: true, audio: null, isMirrored: true, words: "you" };
  shown.push({ ...ours, key: "me", name: me, video: streamOf(tracks.video), isMuted: !isOn.audio || !tracks.audio });
  tiles.render(shown);

  const screenTile = { audio: null, isMuted: false, isMirrored: false, isOurs: true };
  /** @type {Tile[]} */
  const shownScreens = people.flatMap(({ id, username, screen: video }) =>
    video ? [{ ...screenTile, key: `s${id}`, name: username, video, words: "screen" }] : [],
  );
  if (screen)
    shownScreens.push({ ...screenTile, key: "mine", name: me, video: streamOf(screen), words: "your screen" });
  screens.render(shownScreens);
  show("screens-frame", shownScreens.length > 0);
  byId("stage", HTMLElement).dataset.screens = String(shownScreens.length > 0);

  show("alone", people.length === 0);
  setText("count", people.length === 0 ? "only you" : counted(people.length + 1, "person", "people"));
  show("sound", state.isSilenced);
  show("share", canShareScreen());
  byId("share", HTMLButtonElement).dataset.on = String(screen !== null);
  setText("share-words", screen ? "Stop sharing" : "Share screen");
  tellChanges(people);
}

/** Read out who came and who went. @param {import("./mesh.js").Shown[]} people */
function tellChanges(people) {
  const now = new Map(people.map(({ id, username }) => [id, username]));
  const came = [...now].filter(([id]) => !present.has(id)).map(([, name]) => `${name} joined`);
  const went = [...present].filter(([id]) => !now.has(id)).map(([, name]) => `${name} left`);
  present = now;
  if (came.length + went.length > 0) setText("news", [...came, ...went].join(", "));
}
