// @ts-check
// The page's own connection, so that there is something to see from the first click on. It is the browser's
// WebSocket: what that cannot do (pings, reserved bits) cannot be sent from here; /ping-pong has a client that pings.

import { byId, on } from "../lib/dom.js";
import { endpoint } from "../lib/socket.js";

/** Over 131 000 bytes Chromium splits a message into several frames. */
const LARGE = 256 * 1024;

/** What the text box offers for each endpoint. */
const GREETINGS = new Map([
  ["/echo", "Hello"],
  ["/websocket", JSON.stringify({ messageType: "echo_client", text: "Hello" })],
]);

/** @typedef {{ name: "closed", why: string } | { name: "opening" | "open" | "closing", socket: WebSocket }} State */

export class Composer {
  #form = byId("composer", HTMLFormElement);
  #endpoint = byId("endpoint", HTMLSelectElement);
  #text = byId("text", HTMLInputElement);
  #stateText = byId("composer-state", HTMLElement);
  #buttons = {
    open: byId("open", HTMLButtonElement),
    text: byId("send-text", HTMLButtonElement),
    binary: byId("send-binary", HTMLButtonElement),
    large: byId("send-large", HTMLButtonElement),
    close: byId("close", HTMLButtonElement),
  };
  /** @type {State} */
  #state = { name: "closed", why: "No connection" };

  /** @param {AbortSignal} signal */
  constructor(signal) {
    on(
      this.#form,
      "submit",
      (event) => {
        event.preventDefault();
        this.#send(this.#text.value);
      },
      signal,
    );
    on(this.#buttons.open, "click", () => this.open(), signal);
    on(this.#buttons.binary, "click", () => this.#send(Uint8Array.from({ length: 256 }, (_, value) => value)), signal);
    on(this.#buttons.large, "click", () => this.#send(this.#largeText()), signal);
    on(this.#buttons.close, "click", () => this.#close(), signal);
    on(this.#endpoint, "change", () => this.#offerGreeting(), signal);
    this.#offerGreeting();
    this.#render();
  }

  /**
   * Opens a connection to the chosen endpoint.
   *
   * @param {object} [options]
   * @param {boolean} [options.isGreeting] whether to send what is in the text box at once
   */
  open({ isGreeting = false } = {}) {
    if (this.#state.name !== "closed") return;
    const socket = new WebSocket(endpoint(this.#endpoint.value));
    socket.binaryType = "arraybuffer";
    this.#become({ name: "opening", socket });
    socket.onopen = () => {
      this.#become({ name: "open", socket });
      if (isGreeting) this.#send(this.#text.value);
    };
    socket.onclose = (event) =>
      this.#become({ name: "closed", why: event.wasClean ? `Closed ${event.code}` : `Lost (${event.code})` });
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  #send(data) {
    if (this.#state.name === "open") this.#state.socket.send(data);
  }

  #close() {
    if (this.#state.name !== "open") return;
    const { socket } = this.#state;
    socket.close(1000, "Closed by the page");
    this.#become({ name: "closing", socket });
  }

  /** Random, because what compresses well would fit in one frame. */
  #largeText() {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const random = new Uint8Array(LARGE);
    // The browser gives at most 64 KiB at a time.
    for (let from = 0; from < LARGE; from += 65_536) crypto.getRandomValues(random.subarray(from, from + 65_536));
    const text = Array.from(random, (value) => letters[value & 63]).join("");
    return this.#endpoint.value === "/echo" ? text : JSON.stringify({ messageType: "echo_client", text });
  }

  /** Puts the endpoint's greeting in the text box, unless it holds something of the user's. */
  #offerGreeting() {
    if (this.#text.value === "" || [...GREETINGS.values()].includes(this.#text.value))
      this.#text.value = GREETINGS.get(this.#endpoint.value) ?? "";
  }

  /** @param {State} state */
  #become(state) {
    const had = document.activeElement;
    this.#state = state;
    this.#render();
    // A button that turns itself off must not take the keyboard with it.
    if (had instanceof HTMLButtonElement && had.disabled)
      (state.name === "open" ? this.#text : this.#buttons.open).focus();
  }

  #render() {
    const state = this.#state;
    const isOpen = state.name === "open";
    this.#stateText.textContent =
      state.name === "closed" ? state.why : { opening: "Opening", open: "Connected", closing: "Closing" }[state.name];
    this.#stateText.dataset.state = state.name;
    this.#form.dataset.state = state.name;
    this.#endpoint.disabled = state.name !== "closed";
    this.#buttons.open.disabled = state.name !== "closed";
    this.#text.disabled = !isOpen;
    for (const button of [this.#buttons.text, this.#buttons.binary, this.#buttons.large, this.#buttons.close])
      button.disabled = !isOpen;
  }
}
