// @ts-check
// The painter in a thread of its own, and the page's connection with it: a board of a hundred thousand strokes is 13 MB
// in one message, which would hold the page up even if it only came in there.

import { Painter } from "./painter.js";

/** @import { Told } from "./painter.js" */
/** @import { SocketTells, SocketTold } from "./painting.js" */

/** @type {Painter | undefined} */
let painter;
/** @type {WebSocket | null} */
let socket = null;

addEventListener("message", ({ data }) => {
  if (data instanceof OffscreenCanvas) {
    painter = new Painter(
      data,
      () => new OffscreenCanvas(1, 1),
      (message) => postMessage(message),
    );
    return;
  }
  // The cast: after the canvas comes nothing else.
  const message = /** @type {Told | SocketTold} */ (data);
  switch (message.say) {
    case "connect":
      connect(message.url, message.number);
      break;
    case "send":
      if (socket?.readyState === WebSocket.OPEN) socket.send(message.text);
      break;
    case "disconnect":
      disconnect();
      break;
    default:
      painter?.hear(message);
  }
});

/** @param {string} url @param {number} number which of the page's connections it is */
function connect(url, number) {
  disconnect();
  const tell = (/** @type {SocketTells} */ message) => postMessage(message);
  socket = new WebSocket(url);
  socket.onopen = () => tell({ say: "opened", number });
  socket.onclose = ({ code, reason }) => tell({ say: "closed", number, code, reason });
  socket.onmessage = ({ data }) => {
    if (typeof data === "string" && !painter?.take(data)) tell({ say: "heard", number, text: data });
  };
}

function disconnect() {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
  socket = null;
}
