// @ts-check
// How the chat reaches its server. The page knows the messages of a room; on what they travel, and to which server, only
// this file does.

import { connect } from "../lib/app-socket.js";
import { addressOf, OWN, unlistedWords } from "../lib/choice.js";
import { failedSocket, makerOf } from "../lib/client-socket.js";

/** @import { SocketState } from "../lib/app-socket.js" */
/** @import { Choice } from "../lib/choice.js" */
/** @import { RoomsHeard, RoomsSaid } from "../lib/protocol.js" */

/** Where our own server speaks the rooms family alone. */
const PATH = "/chat";

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
 * A connection to one server that comes back by itself.
 *
 * @typedef {object} Transport
 * @property {SocketState} state
 * @property {Left[]} left what was meant for this server and not sent: by the page before this one in this tab, or before
 *   another server was chosen
 * @property {(message: RoomsSaid) => boolean} send now or not at all
 * @property {(text: string) => string} write sends a text to the room, again if need be, until it is stored; its id
 * @property {() => void} ready the room was joined on this connection: what waits may go out
 * @property {(id: string) => void} forget sends this text no more
 * @property {(choice: Choice) => void} change goes on with another client, to the same server
 * @property {() => void} close ends it; what waits is kept for whoever opens it again
 */

/**
 * @param {Choice} choice
 * @param {TransportHandlers} handlers
 * @returns {Transport}
 */
export function openTransport(choice, handlers) {
  const life = new AbortController();
  const { server } = choice;
  const socket = connect({
    path: PATH,
    // A server without an address has a name to keep its messages under.
    ...(server === OWN ? {} : { url: addressOf(choice, PATH) ?? `unlisted:${server.name}`, server: server.name }),
    make: maker(choice),
    signal: life.signal,
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
    change: (other) => socket.use(maker(other)),
    close: () => life.abort(),
  };
}

/** @param {Choice} choice */
function maker({ server, client }) {
  const isNowhere = server !== OWN && server.url === null;
  return isNowhere ? () => failedSocket(unlistedWords(server)) : makerOf(client);
}
