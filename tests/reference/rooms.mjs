// The rooms: who is in which, and what was said there. All of it is in memory, and gone with the process.

import { Refusal } from "./said.mjs";

/** @typedef {{ send: (message: object) => void }} Peer whoever can be told something */

export class Rooms {
  /** @type {Map<string, Room>} a room stays when the last has left, for what was said there */
  #rooms = new Map();
  /** @type {Map<Peer, { room: Room, name: string }>} */
  #places = new Map();

  /**
   * Does what a peer said.
   *
   * @param {Peer} peer
   * @param {ReturnType<typeof import("./said.mjs").read>} said
   * @throws {Refusal}
   */
  handle(peer, said) {
    if (said.type === "room-connect") this.#connect(peer, said);
    else if (said.type === "send-message") this.#sendMessage(peer, said);
    else if (!this.leave(peer)) throw new Refusal(NOWHERE);
  }

  #connect(peer, { roomId, name }) {
    if (this.#places.has(peer)) throw new Refusal("you are in a room already");
    const room = this.#rooms.get(roomId) ?? new Room();
    if (room.members.has(name)) throw new Refusal("that name is already in this room");
    this.#rooms.set(roomId, room);
    this.#places.set(peer, { room, name });
    room.members.set(name, peer);
    peer.send({ type: "room-connected", roomId, members: room.names, messages: room.messages });
    room.tell({ type: "members-changed", names: room.names }, peer);
  }

  #sendMessage(peer, { message, id }) {
    const place = this.#places.get(peer);
    if (!place) throw new Refusal(NOWHERE);
    const { room, name } = place;
    if (room.store(name, message, id)) room.tell({ type: "receive-message", message, name }, peer);
    if (id !== undefined) peer.send({ type: "stored", id });
  }

  /** Whether the peer was in a room. */
  leave(peer) {
    const place = this.#places.get(peer);
    if (!place) return false;
    const { room, name } = place;
    this.#places.delete(peer);
    room.members.delete(name);
    room.tell({ type: "members-changed", names: room.names });
    return true;
  }
}

class Room {
  /** @type {Map<string, Peer>} by name, in the order in which they came */
  members = new Map();
  /** @type {{ sender: string, message: string }[]} oldest first */
  messages = [];
  /** The ids of messages, each with its sender's name: neither can have a NUL. */
  #ids = new Set();

  get names() {
    return [...this.members.keys()];
  }

  /** Whether it is new: with an id, a message is taken once from each sender. */
  store(sender, message, id) {
    const key = id === undefined ? undefined : `${sender}\0${id}`;
    if (key !== undefined && this.#ids.has(key)) return false;
    if (key !== undefined) this.#ids.add(key);
    this.messages.push({ sender, message });
    return true;
  }

  /** Tells all members, or all but one. */
  tell(message, except) {
    for (const peer of this.members.values()) if (peer !== except) peer.send(message);
  }
}

const NOWHERE = "you are not in a room";
