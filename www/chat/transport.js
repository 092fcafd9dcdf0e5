// @ts-check
// How the chat reaches its server. The page knows the messages of a room; on what they travel, only this file does.

import { connect } from "../lib/app-socket.js";

/** @import { SocketState } from "../lib/app-socket.js" */
/** @import { RoomsHeard, RoomsSaid } from "../lib/protocol.js" */

/** @typedef {{ id: string, text: string }} Left */

/**
 * @typedef {object} TransportHandlers
 * @property {() => void} open a connection is there, and in no room
 * @property {(state: SocketState) => void} state
 * @property {(message: RoomsHeard) => void} heard
 * @property {(id: string) => void} stored
 * @property {(id: string, error: string) => void} refused it was not and will not be stored
 */

/**
 * A connection that comes back by itself.
 *
 * @typedef {object} Transport
 * @property {SocketState} state
 * @property {Left[]} left what the page before this one, in this tab, could not send
 * @property {(message: RoomsSaid) => boolean} send now or not at all
 * @property {(text: string) => string} write sends a text to the room, again if need be, until it is stored; its id
 * @property {() => void} ready the room was joined on this connection: what waits may go out
 * @property {(id: string) => void} forget sends this text no more
 */

/**
 * @param {TransportHandlers} handlers
 * @param {AbortSignal} signal
 * @returns {Transport}
 */
export function openTransport(handlers, signal) {
  const socket = connect({
    path: "/chat",
    signal,
    kept: "What you write is kept, and sent when the server is back.",
    on: {
      open: handlers.open,
      state: handlers.state,
      message: (message) => {
        if (message.messageType === undefined) handlers.heard(message);
      },
    },
  });
  socket.onStored(handlers.stored);
  socket.onRefused((id, error) => id !== undefined && handlers.refused(id, error));
  return {
    get state() {
      return socket.state;
    },
    get left() {
      return socket.unsent.flatMap((message) =>
        "type" in message && message.id !== undefined ? [{ id: message.id, text: message.message }] : [],
      );
    },
    send: (message) => socket.send(message),
    write: (text) => socket.sendStored({ type: "send-message", message: text }),
    ready: () => socket.ready(),
    forget: (id) => socket.forget(id),
  };
}
