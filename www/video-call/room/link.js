// @ts-check
// One RTCPeerConnection and the talk that keeps it agreed upon. Knows nothing of pages.
//
// The pattern is "perfect negotiation" (WebRTC 1.0, 10.7): either side offers when it wants to; if both do at
// once, the polite one takes its offer back. Who came to the call later offers first and is the impolite one:
// each side knows which it is without knowing its own socket id, and with a page that knows no such pattern
// and only takes offers, or only makes them, it works too.

/** @typedef {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null, screen: MediaStreamTrack | null }} Tracks */

/** What each side tells the other of itself, over a data channel. @typedef {{ mic: boolean, camera: boolean }} About */

/**
 * @typedef {{ messageType: "offer", offer: RTCSessionDescriptionInit }
 *   | { messageType: "answer", answer: RTCSessionDescriptionInit }
 *   | { messageType: "ice_candidate", candidate: RTCIceCandidateInit }} Signal
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
  const pc = new RTCPeerConnection(configuration);
  // Named, so that the other side puts our audio and video together.
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

  pc.onnegotiationneeded = offer;
  pc.onicecandidate = ({ candidate }) => {
    if (candidate) signal({ messageType: "ice_candidate", candidate: candidate.toJSON() });
  };
  pc.ontrack = ({ track }) => {
    track.onmute = track.onunmute = track.onended = changed;
    changed();
  };
  pc.onsignalingstatechange = changed;
  pc.onconnectionstatechange = watchPath;
  pc.oniceconnectionstatechange = watchPath;
  // Who came earlier leaves the first offer to the other, but not for ever.
  const patience = isLater ? undefined : setTimeout(begin, OFFER_MS);
  if (isLater) begin();

  function begin() {
    if (isClosed || pc.remoteDescription || lines.audio) return;
    lines.audio = pc.addTransceiver(tracks.audio ?? "audio", { direction: "sendrecv", streams: [ours] });
    lines.video = pc.addTransceiver(tracks.video ?? "video", { direction: "sendrecv", streams: [ours] });
    openChannel();
    shareScreen();
  }

  async function offer() {
    try {
      isOffering = true;
      await pc.setLocalDescription();
      if (pc.localDescription?.type === "offer") signal({ messageType: "offer", offer: pc.localDescription.toJSON() });
    } catch (error) {
      complain(error);
    } finally {
      isOffering = false;
    }
  }

  /** @param {Signal} heard */
  async function take(heard) {
    if (isClosed) return;
    if (heard.messageType === "ice_candidate") return takeCandidate(heard.candidate);
    if (heard.messageType === "answer") {
      // An answer to an offer that was taken back since.
      if (pc.signalingState !== "have-local-offer") return;
      await pc.setRemoteDescription(heard.answer);
      await takeEarly();
      shareScreen();
      return changed();
    }
    clearTimeout(patience);
    const collides = isOffering || pc.signalingState !== "stable";
    isIgnoring = isLater && collides;
    if (isIgnoring) return;
    await pc.setRemoteDescription(heard.offer);
    await takeEarly();
    await adoptLines(heard.offer.sdp ?? "");
    await pc.setLocalDescription();
    if (pc.localDescription) signal({ messageType: "answer", answer: pc.localDescription.toJSON() });
    // Whatever of ours had no place in the other's offer is now offered by us.
    if (tracks.video && !lines.video) lines.video = pc.addTransceiver(tracks.video, { streams: [ours] });
    if (tracks.audio && !lines.audio) lines.audio = pc.addTransceiver(tracks.audio, { streams: [ours] });
    shareScreen();
    changed();
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
   * Puts our audio and video on the lines that the other's offer opened, in place of those of an offer of our
   * own that was taken back.
   *
   * @param {string} sdp
   */
  async function adoptLines(sdp) {
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      const known = lines[kind];
      if (known?.mid) continue;
      const line = pc.getTransceivers().find(({ mid, receiver }) => mid !== null && receiver.track.kind === kind);
      if (!line) continue;
      known?.stop();
      lines[kind] = line;
      line.direction = "sendrecv";
      line.sender.setStreams(ours);
      await line.sender.replaceTrack(tracks[kind]);
    }
    if (/^m=application/m.test(sdp)) openChannel();
  }

  /** The screen has a line of its own, opened by whoever shows one and kept for the next time. */
  function shareScreen() {
    const { screen } = tracks;
    if (isClosed || (!lines.screen && !screen)) return;
    // Before the first two lines are agreed upon, it would be taken for one of them.
    if (!isLater && !lines.audio?.mid && !pc.remoteDescription) return;
    if (!lines.screen) {
      lines.screen = pc.addTransceiver(screen ?? "video", { direction: "sendonly", streams: [new MediaStream()] });
      return;
    }
    lines.screen.sender.replaceTrack(screen).catch(complain);
    lines.screen.direction = screen ? "sendonly" : "inactive";
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
      /** @type {{ mic?: unknown, camera?: unknown }} */
      const { mic, camera } = words.about;
      said = { mic: mic === true, camera: camera === true };
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
    mend = setTimeout(restart, RESTART_MS);
    try {
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
    pc,
    close,
    restart,
    /** Takes in what the other sent. @param {Signal} heard */
    hear: (heard) => {
      queue = queue.then(() => take(heard)).catch(complain);
      return queue;
    },
    /** Our tracks, or what is to be known of us, are not what they were. */
    update: () => {
      for (const kind of /** @type {const} */ (["audio", "video"])) {
        const line = lines[kind];
        if (line && line.sender.track !== tracks[kind]) line.sender.replaceTrack(tracks[kind]).catch(complain);
        if (!line && tracks[kind] && pc.remoteDescription)
          lines[kind] = pc.addTransceiver(tracks[kind], { streams: [ours] });
      }
      if ((lines.screen?.sender.track ?? null) !== tracks.screen) shareScreen();
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
      return said ?? { mic: streamOf(lines.audio) !== null, camera: streamOf(lines.video) !== null };
    },
    get audio() {
      return streamOf(lines.audio);
    },
    get video() {
      return streamOf(lines.video);
    },
    get screen() {
      const known = Object.values(lines);
      for (const line of pc.getTransceivers()) {
        if (known.includes(line) || line.receiver.track.kind !== "video") continue;
        const stream = streamOf(line);
        if (stream) return stream;
      }
      return null;
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
