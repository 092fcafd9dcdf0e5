// @ts-check
// Who is in the call, and a link to each. Knows nothing of pages.
//
// The server names connections, not people: whoever loses theirs and comes back has a new socket id, while the
// media between the pages goes on without any server. So each page puts a name of its own on what it sends
// (`client`), and a person here outlives their socket id: the link they had is kept until the one made under
// the new id is connected, and nobody is there twice.

import { createLink } from "./link.js";

/** @import { About, Link, Signal, Tracks } from "./link.js" */

/** @typedef {{ socketId: string, username: string }} Participant */

/** What is sent through the server, with the addressee's id, and received with the sender's. @typedef {Signal & { socketId: string, client?: string }} Sent */
/** @typedef {Sent & { username: string }} Heard */

/**
 * @typedef {object} Person
 * @property {number} id stays as long as they do
 * @property {string} username
 * @property {string | null} client the name that their page gave itself, once heard
 * @property {string | null} socketId
 * @property {Link | null} link
 * @property {Link | null} old a link from before a connection to the server was lost
 */

/**
 * How a person is shown.
 *
 * @typedef {object} Shown
 * @property {number} id
 * @property {string} username
 * @property {"connecting" | "connected" | "broken"} state
 * @property {About} about
 * @property {MediaStream | null} audio
 * @property {MediaStream | null} video
 * @property {MediaStream | null} screen
 */

/**
 * @typedef {object} MeshOptions
 * @property {(message: Sent) => void} send
 * @property {() => void} changed what {@link Mesh} shows is different; may be called often
 * @property {() => Promise<RTCIceServer[]>} iceServers asked before the first link, and before each restart
 */

/** @typedef {ReturnType<typeof createMesh>} Mesh */

/**
 * Keeps a link to everybody in the call.
 *
 * @param {MeshOptions} options
 */
export function createMesh({ send, changed, iceServers }) {
  const client = randomName();
  /** @type {Person[]} */
  let people = [];
  /** @type {Tracks} */
  const tracks = { audio: null, video: null, screen: null };
  /** @type {About} */
  const about = { mic: false, camera: false, screen: false };
  /** @type {RTCConfiguration} */
  let configuration = {};
  /** Socket ids that mean nobody any more: what they sent last may come after they left. @type {Set<string>} */
  const gone = new Set();
  let isClosed = false;
  let lastId = 0;

  const refresh = async () => {
    configuration = { ...configuration, iceServers: await iceServers() };
    return configuration;
  };

  /** @param {Participant} participant @param {boolean} isLater */
  function meet({ socketId, username }, isLater) {
    const known = people.find((person) => person.socketId === socketId);
    if (known || isClosed) return known;
    // Somebody of that name without a socket id is most likely the one who has a new one now. If they are not,
    // their page's own name will say so.
    let person = people.find((one) => one.socketId === null && one.username === username);
    if (!person) {
      lastId += 1;
      person = { id: lastId, username, client: null, socketId, link: null, old: null };
      people.push(person);
    }
    person.socketId = socketId;
    /** @param {Signal} signal */
    const signal = (signal) => send({ ...signal, socketId, client });
    person.link = createLink({ isLater, configuration, refresh, tracks, about, signal, changed: tidy });
    tidy();
    return person;
  }

  /** The person's socket id means nobody any more. @param {Person} person */
  function loseSocket(person) {
    const { link } = person;
    person.socketId = null;
    person.link = null;
    if (link?.isConnected && !link.isClosed) {
      person.old?.close();
      person.old = link;
    } else {
      link?.close();
    }
  }

  /** Lets go of links that are of no more use, and of people who have none. */
  function tidy() {
    for (const person of people) {
      const { link, old } = person;
      if (old && (link?.isConnected || old.isClosed || old.pc.connectionState === "failed")) {
        person.old = null;
        old.close();
      }
      if (link?.isClosed) {
        // They said goodbye; the server will say so too.
        person.link = null;
        link.close();
      }
    }
    people = people.filter(({ link, old }) => link || old);
    if (!isClosed) changed();
  }

  /** @param {Person} person @param {string} name */
  function recognise(person, name) {
    if (person.client === name) return;
    const other = people.find((one) => one !== person && one.client === name);
    if (!other) {
      person.client = name;
      return;
    }
    // Taken for another of the same name: each gets the link that is theirs.
    const { socketId, link } = person;
    person.socketId = other.socketId;
    person.link = other.link;
    other.socketId = socketId;
    other.link = link;
    tidy();
  }

  return {
    /** Asks for the ICE servers: before the first link. */
    prepare: refresh,

    /** We are in the call, for the first time or again; these were here before us. @param {Participant[]} participants */
    joined: (participants) => {
      gone.clear();
      // Under our new id, all others have forgotten the links to the old one.
      for (const person of people) loseSocket(person);
      for (const participant of participants) meet(participant, true);
      tidy();
    },

    /** @param {Participant} participant */
    entered: (participant) => {
      gone.delete(participant.socketId);
      meet(participant, false);
    },

    /** @param {string} socketId */
    left: async (socketId) => {
      gone.add(socketId);
      const person = people.find((one) => one.socketId === socketId);
      if (!person) return;
      loseSocket(person);
      const { old } = person;
      tidy();
      // Only their connection to the server, or the person? Whoever is still there answers, and will be back.
      if (old && !(await old.isThere())) {
        old.close();
        tidy();
      }
    },

    /** @param {Heard} heard */
    heard: ({ socketId, username, client: name, ...signal }) => {
      // An offer can be here before the news of who makes it; nothing else can.
      const isNew = !people.some((one) => one.socketId === socketId);
      if (isNew && (gone.has(socketId) || signal.messageType !== "offer")) return;
      const person = meet({ socketId, username }, false);
      if (typeof name === "string" && person) recognise(person, name);
      return people.find((one) => one.socketId === socketId)?.link?.hear(signal);
    },

    /** Shows others these tracks from now on. @param {Partial<Tracks>} ours @param {Partial<About>} [known] */
    update: (ours, known = {}) => {
      Object.assign(tracks, ours);
      Object.assign(about, known);
      for (const { link, old } of people) {
        link?.update();
        old?.update();
      }
    },

    /** @returns {Shown[]} */
    get people() {
      return people.map(({ id, username, link, old }) => {
        const best = old && !link?.isConnected ? old : (link ?? old);
        const state = best?.isConnected ? "connected" : best?.isBroken ? "broken" : "connecting";
        const known = best?.about ?? { mic: false, camera: false, screen: false };
        return {
          id,
          username,
          state,
          about: known,
          audio: best?.audio ?? null,
          // A line that nothing is sent on keeps its last picture.
          video: known.camera ? (best?.video ?? null) : null,
          screen: known.screen ? (best?.screen ?? null) : null,
        };
      });
    },

    /** The connections themselves, for statistics. */
    get connections() {
      return people.flatMap(({ link, old }) => [link, old].flatMap((one) => (one ? [one.pc] : [])));
    },

    /** Looks for new paths, as after the network changed. */
    restart: () => {
      for (const { link } of people) if (link && !link.isClosed) link.restart();
    },

    close: () => {
      isClosed = true;
      for (const { link, old } of people) {
        link?.close();
        old?.close();
      }
      people = [];
    },
  };
}

/** Nobody else's. `crypto.randomUUID` would do, where the page came over TLS. */
function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
