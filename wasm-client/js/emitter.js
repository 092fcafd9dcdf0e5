// @ts-check
// Node's EventEmitter, and as much of it as a client needs where there is none.

/** @typedef {(...args: any[]) => unknown} Listener */

class PageEmitter {
  /** @type {Map<string, { listener: Listener, once: boolean }[]>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  on(event, listener) {
    return this.#add(event, listener, false);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  addListener(event, listener) {
    return this.on(event, listener);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  once(event, listener) {
    return this.#add(event, listener, true);
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  off(event, listener) {
    const added = this.#listeners.get(event) ?? [];
    // The one that was added last, and a new list: whoever goes through the old one is not disturbed.
    const at = added.findLastIndex((entry) => entry.listener === listener);
    if (at >= 0) this.#listeners.set(event, added.toSpliced(at, 1));
    return this;
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   */
  removeListener(event, listener) {
    return this.off(event, listener);
  }

  /** @param {string} [event] */
  removeAllListeners(event) {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  /**
   * @param {string} event
   * @param {unknown[]} args
   */
  emit(event, ...args) {
    const added = this.#listeners.get(event) ?? [];
    if (added.length === 0 && event === "error") throw args[0];
    for (const { listener, once } of added) {
      if (once) this.off(event, listener);
      listener.apply(this, args);
    }
    return added.length > 0;
  }

  /** @param {string} event */
  listenerCount(event) {
    return this.#listeners.get(event)?.length ?? 0;
  }

  /**
   * @param {string} event
   * @param {Listener} listener
   * @param {boolean} once
   */
  #add(event, listener, once) {
    if (typeof listener !== "function") throw new TypeError("a listener is a function");
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), { listener, once }]);
    return this;
  }
}

/** @type {typeof PageEmitter} */
export const Emitter = globalThis.process?.getBuiltinModule?.("node:events")?.EventEmitter ?? PageEmitter;
