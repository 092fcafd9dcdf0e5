// @ts-check
// One RTCPeerConnection and the talk that keeps it agreed upon. Knows nothing of pages.
//
// The pattern is "perfect negotiation" (WebRTC 1.0, 10.7): either side offers when it wants to; if both do at
// once, the polite one takes its offer back. Who came to the call later offers first and is the impolite one:
// each side knows which it is without knowing its own socket id, and with a page that knows no such pattern
// and only takes offers, or only makes them, it works too.
//
// Once media flows an offer is better not taken back: in Chromium (156) a rollback leaves the tracks that are
// received without another frame for ever. So nothing that people do needs an offer: audio, camera and screen have
// their lines from the start, filled or empty. What is left are new paths, and between two pages of ours only the
// impolite one offers those; the other asks it to.

/** @typedef {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null, screen: MediaStreamTrack | null }} Tracks */

/** What each side tells the other of itself, over a data channel. @typedef {{ mic: boolean, camera: boolean, screen: boolean }} About */

/**
 * @typedef {{ messageType: "offer", offer: RTCSessionDescriptionInit }
 *   | { messageType: "answer", answer: RTCSessionDescriptionInit }
 *   | { messageType: "ice_candidate", candidate: RTCIceCandidateInit | null, restart?: boolean }} Signal `restart`: asks for another path
 */

/**
 * @typedef {object} LinkOptions
 * @property {boolean} isLater whether we came to the call after the other
 * @property {RTCConfiguration} configuration
 * @property {() => Promise<RTCConfiguration>} refresh the configuration with credentials that still hold
 * @property {Tracks} tracks ours
 * @property {About} about us
 * @property {(signal: Signal) => void} signal
 * @property {() => void} changed something that {@link Link} shows is different
 */

/** @typedef {ReturnType<typeof createLink>} Link */

const KINDS = /** @type {const} */ (["audio", "video", "screen"]);

/** How long a broken path may take to mend by itself, and a restart to succeed. */
const MENDS_MS = 2_500;
const RESTART_MS = 8_000;
/** How long who came earlier waits for the other's offer. */
const OFFER_MS = 3_000;
/** How long the other has to answer "are you there?". */
const PROBE_MS = 1_200;

/**
 * Connects to one other.
 *
 * @param {LinkOptions} options
 */
export function createLink({ isLater, configuration, refresh, tracks, about, signal, changed }) {
  // One for all, named, so that the other side puts them together; a page that knows of no screens shows the first video.
  const ours = new MediaStream();
  /** @type {Record<"audio" | "video" | "screen", RTCRtpTransceiver | null>} */
  const lines = { audio: null, video: null, screen: null };
  /** What is shown of the other: one stream for each line, the same for as long as the line is. @type {Map<RTCRtpTransceiver, MediaStream>} */
  const shown = new Map();
  /** @type {RTCDataChannel | null} */
  let channel = null;
  /** @type {About | null} */
  let said = null;
  let isOffering = false;
  let isIgnoring = false;
  let isClosed = false;
  let hasConnected = false;
  let hasTalked = false;
  /** Candidates that came before the description they belong to. @type {RTCIceCandidateInit[]} */
  let early = [];
  /** What was heard is taken in one by one. */
  let queue = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let mend;
  /** @type {((isThere: boolean) => void)[]} */
  let probes = [];

  let pc = connection();
  // Who came earlier leaves the first offer to the other, but not for ever.
  const patience = isLater ? undefined : setTimeout(begin, OFFER_MS);
  if (isLater) begin();

  function connection() {
    const made = new RTCPeerConnection(configuration);
    made.onnegotiationneeded = offer;
    made.onicecandidate = ({ candidate }) => {
      if (candidate) signal({ messageType: "ice_candidate", candidate: candidate.toJSON() });
    };
    made.ontrack = ({ track }) => {
      track.onmute = track.onunmute = track.onended = changed;
      changed();
    };
    made.onsignalingstatechange = changed;
    made.onconnectionstatechange = watchPath;
    made.oniceconnectionstatechange = watchPath;
    return made;
  }

  function begin() {
    if (isClosed || pc.remoteDescription || lines.audio) return;
    for (const kind of KINDS) lines[kind] = addLine(kind);
    openChannel();
  }

  /** @param {keyof Tracks} kind */
  function addLine(kind) {
    return pc.addTransceiver(tracks[kind] ?? (kind === "audio" ? "audio" : "video"), { streams: [ours] });
  }

  async function offer() {
    const current = pc;
    try {
      isOffering = true;
      await current.setLocalDescription();
      const { localDescription } = current;
      if (current !== pc || localDescription?.type !== "offer") return;
      signal({ messageType: "offer", offer: localDescription.toJSON() });
    } catch (error) {
      complain(error);
    } finally {
      isOffering = false;
    }
  }

  /** @param {Signal} heard */
  async function take(heard) {
    if (isClosed) return;
    if (heard.messageType === "ice_candidate") {
      if (heard.restart && isLater) return restart();
      return heard.candidate ? takeCandidate(heard.candidate) : undefined;
    }
    if (heard.messageType === "answer") {
      // An answer to an offer that was taken back since.
      if (pc.signalingState !== "have-local-offer") return;
      await pc.setRemoteDescription(heard.answer);
      await takeEarly();
      fillLines();
      return changed();
    }
    clearTimeout(patience);
    const collides = isOffering || pc.signalingState !== "stable";
    isIgnoring = isLater && collides;
    if (isIgnoring) return;
    // A first offer is taken back with all that it was made of; a later one by the browser.
    if (collides && !pc.remoteDescription) renew();
    await pc.setRemoteDescription(heard.offer);
    await takeEarly();
    await adoptLines(heard.offer.sdp ?? "");
    await pc.setLocalDescription();
    if (pc.localDescription) signal({ messageType: "answer", answer: pc.localDescription.toJSON() });
    fillLines();
    changed();
  }

  /** Begins anew, as if nothing had been offered. */
  function renew() {
    pc.close();
    isOffering = false;
    channel = null;
    Object.assign(lines, { audio: null, video: null, screen: null });
    pc = connection();
  }

  /** @param {RTCIceCandidateInit} candidate */
  async function takeCandidate(candidate) {
    if (!pc.remoteDescription) {
      if (!isIgnoring) early.push(candidate);
      return;
    }
    try {
      await pc.addIceCandidate(candidate);
    } catch (error) {
      // Those of an offer that we did not take mean nothing to us.
      if (!isIgnoring) complain(error);
    }
  }

  async function takeEarly() {
    const waiting = early;
    early = [];
    for (const candidate of waiting) await takeCandidate(candidate);
  }

  /**
   * Puts what is ours on the lines that the other's offer opened.
   *
   * @param {string} sdp
   */
  async function adoptLines(sdp) {
    const agreed = pc.getTransceivers().filter(({ mid }) => mid !== null);
    const videos = agreed.filter(({ receiver }) => receiver.track.kind === "video");
    const audio = agreed.find(({ receiver }) => receiver.track.kind === "audio");
    const places = { audio, video: videos[0], screen: videos[1] };
    for (const kind of KINDS) {
      const known = lines[kind];
      const line = places[kind];
      if (known?.mid || !line) continue;
      lines[kind] = line;
      line.direction = "sendrecv";
      line.sender.setStreams(ours);
      await line.sender.replaceTrack(tracks[kind]);
    }
    if (/^m=application/m.test(sdp)) openChannel();
  }

  /** What there is to send goes out on its line; what has none, as with pages of another make, gets one. */
  function fillLines() {
    for (const kind of KINDS) {
      const line = lines[kind];
      if (!line && tracks[kind] && pc.remoteDescription) lines[kind] = addLine(kind);
      if (line && line.sender.track !== tracks[kind]) line.sender.replaceTrack(tracks[kind]).catch(complain);
    }
  }

  function openChannel() {
    if (channel) return;
    channel = pc.createDataChannel("about", { negotiated: true, id: 0 });
    channel.onopen = () => {
      hasTalked = true;
      tell();
    };
    channel.onclose = changed;
    channel.onmessage = ({ data }) => hear(data);
  }

  function tell() {
    if (channel?.readyState === "open") channel.send(JSON.stringify({ about }));
  }

  /** @param {unknown} data */
  function hear(data) {
    const words = parsed(data);
    if (words.probe) channel?.send(JSON.stringify({ here: true }));
    if (words.here) settleProbes(true);
    if (words.bye) close();
    if (words.about && typeof words.about === "object") {
      /** @type {{ [word: string]: unknown }} */
      const { mic, camera, screen } = { ...words.about };
      said = { mic: mic === true, camera: camera === true, screen: screen === true };
    }
    changed();
  }

  function watchPath() {
    const { iceConnectionState, connectionState } = pc;
    if (connectionState === "connected") hasConnected = true;
    const isWell = iceConnectionState === "connected" || iceConnectionState === "completed";
    if (isWell || isClosed) {
      clearTimeout(mend);
      mend = undefined;
    } else if (iceConnectionState === "failed") {
      clearTimeout(mend);
      mend = setTimeout(restart, 0);
    } else if (iceConnectionState === "disconnected") {
      mend ??= setTimeout(restart, MENDS_MS);
    }
    changed();
  }

  /** Looks for another path, with new candidates of both sides, while what still flows goes on. */
  async function restart() {
    clearTimeout(mend);
    mend = setTimeout(restart, RESTART_MS);
    try {
      // Of two pages of ours the same one offers always.
      if (hasTalked && !isLater) return signal({ messageType: "ice_candidate", candidate: null, restart: true });
      const fresh = await refresh();
      if (isClosed) return;
      pc.setConfiguration(fresh);
      pc.restartIce();
    } catch (error) {
      complain(error);
    }
  }

  /** @param {boolean} isThere */
  function settleProbes(isThere) {
    const waiting = probes;
    probes = [];
    for (const settle of waiting) settle(isThere);
  }

  function close() {
    if (isClosed) return;
    isClosed = true;
    clearTimeout(patience);
    clearTimeout(mend);
    if (channel?.readyState === "open") channel.send(JSON.stringify({ bye: true }));
    pc.close();
    settleProbes(false);
    changed();
  }

  /** @param {RTCRtpTransceiver | null | undefined} line */
  function streamOf(line) {
    if (!line || line.currentDirection === null || !/recv/.test(line.currentDirection)) return null;
    const { track } = line.receiver;
    if (track.muted || track.readyState === "ended") return null;
    const stream = shown.get(line) ?? new MediaStream([track]);
    shown.set(line, stream);
    return stream;
  }

  return {
    get pc() {
      return pc;
    },
    close,
    restart,
    /** Takes in what the other sent. @param {Signal} heard */
    hear: (heard) => {
      queue = queue.then(() => take(heard)).catch(complain);
      return queue;
    },
    /** Our tracks, or what is to be known of us, are not what they were. */
    update: () => {
      fillLines();
      tell();
    },
    /** Whether the other still answers, though the server says it left. @returns {Promise<boolean>} */
    isThere: () =>
      new Promise((settle) => {
        if (isClosed || channel?.readyState !== "open") return settle(false);
        probes.push(settle);
        channel.send(JSON.stringify({ probe: true }));
        setTimeout(() => settle(false), PROBE_MS);
      }),
    get isClosed() {
      return isClosed || (hasTalked && channel?.readyState === "closed");
    },
    get isConnected() {
      return !isClosed && pc.connectionState === "connected";
    },
    get isBroken() {
      return hasConnected && pc.connectionState !== "connected";
    },
    /** What the other says of itself; what can be seen of it, where it says nothing. */
    get about() {
      const isSeen = (/** @type {keyof Tracks} */ kind) => streamOf(lines[kind]) !== null;
      return said ?? { mic: isSeen("audio"), camera: isSeen("video"), screen: isSeen("screen") };
    },
    get audio() {
      return streamOf(lines.audio);
    },
    get video() {
      return streamOf(lines.video);
    },
    get screen() {
      return streamOf(lines.screen);
    },
  };
}

/** @param {unknown} data @returns {Record<string, unknown>} */
function parsed(data) {
  try {
    const value = JSON.parse(String(data));
    return typeof value === "object" && value ? value : {};
  } catch {
    return {};
  }
}

/** For whoever looks into it: the call goes on, and the path is mended or not. @param {unknown} error */
function complain(error) {
  console.warn(error);
}
