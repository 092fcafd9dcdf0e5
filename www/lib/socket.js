// @ts-check
// A WebSocket that comes back. Used by pages and by workers, so it knows nothing of the DOM.

/**
 * @typedef {object} SocketHandlers
 * @property {(socket: WebSocket) => void} [open]
 * @property {(data: string | ArrayBuffer) => void} [message]
 * @property {(wait: number, event: CloseEvent) => void} [lost] the connection is gone; the next try comes in `wait` milliseconds
 * @property {() => void} [trying]
 */

/**
 * The address of a WebSocket endpoint on the server that this page came from.
 *
 * @param {string} path
 * @returns {string}
 */
export function endpoint(path) {
  const url = new URL(path, location.origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/**
 * How long to wait before try number `attempt` (from 0), in milliseconds: doubling from half a second
 * to half a minute, and somewhere in the upper half of that, so that a thousand pages that lost the
 * same server do not come back in the same instant.
 *
 * @param {number} attempt
 * @param {() => number} [random]
 * @returns {number}
 */
export function backOff(attempt, random = Math.random) {
  const most = Math.min(30_000, 500 * 2 ** Math.min(attempt, 16));
  return most / 2 + (most / 2) * random();
}

/**
 * Opens a socket, and opens it again whenever it is lost, until `signal` aborts.
 *
 * @param {string} url
 * @param {SocketHandlers} handlers
 * @param {AbortSignal} signal
 * @returns {{ retry: () => void }} `retry` cuts a wait short
 */
export function reconnecting(url, handlers, signal) {
  let attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {WebSocket | undefined} */
  let socket;

  const open = () => {
    timer = undefined;
    handlers.trying?.();
    const current = new WebSocket(url);
    socket = current;
    current.binaryType = "arraybuffer";
    current.onopen = () => {
      attempt = 0;
      handlers.open?.(current);
    };
    current.onmessage = (event) => handlers.message?.(event.data);
    current.onclose = (event) => {
      if (signal.aborted) return;
      const wait = backOff(attempt);
      attempt += 1;
      timer = setTimeout(open, wait);
      handlers.lost?.(wait, event);
    };
  };

  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    socket?.close();
  });
  open();
  return {
    retry: () => {
      if (timer === undefined) return;
      clearTimeout(timer);
      open();
    },
  };
}

/**
 * Why there is no connection, for people.
 *
 * @param {string} server what to call it
 * @param {number} code @param {string} reason what it was closed with
 * @param {boolean} wasThere whether there had been one
 * @returns {string}
 */
export function lossWords(server, code, reason, wasThere) {
  if (!navigator.onLine) return "You are offline.";
  if (code === 1013) return `${server} had to let this page go: it could not keep up.`;
  if (code === 1001 || code === 1012) return `${server} is restarting.`;
  if (code === 1008 && reason) return `${server} closed the connection: ${reason}.`;
  return wasThere ? "The connection was lost." : `${server} does not answer.`;
}
