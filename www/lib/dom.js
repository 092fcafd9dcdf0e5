// @ts-check
// The little that the pages need on top of the DOM.

/**
 * The element with this id, which must be there and of this class.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} with id "${id}"`);
  return found;
}

/**
 * Writes into the element with this id, unless that is what it says already: what does not change is not read out again.
 *
 * @param {string} id
 * @param {string} words
 */
export function setText(id, words) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Shows or hides the element with this id.
 *
 * @param {string} id
 * @param {boolean} isShown
 */
export function show(id, isShown) {
  byId(id, HTMLElement).hidden = !isShown;
}

/**
 * A new element. Properties whose name has a dash, and `role`, become attributes; `null` and `false` are left
 * out; strings among the children become text, never markup.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [properties]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = String(value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Listens until `signal` says otherwise.
 *
 * @template {keyof HTMLElementEventMap} K
 * @param {EventTarget} target
 * @param {K} type
 * @param {(event: HTMLElementEventMap[K]) => void} handler
 * @param {AbortSignal} [signal]
 */
export function on(target, type, handler, signal) {
  // The cast: `EventTarget` does not know which events its kinds of targets have; the caller does.
  target.addEventListener(type, /** @type {EventListener} */ (handler), signal ? { signal } : undefined);
}

/**
 * The nearest element, from the event's target up, that has this `data-` attribute.
 *
 * @param {Event} event
 * @param {string} attribute as `data-field`
 * @returns {HTMLElement | null}
 */
export function closestWith(event, attribute) {
  const target = event.target;
  const found = target instanceof Element ? target.closest(`[${attribute}]`) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * A number with thin spaces between its thousands.
 *
 * @param {number | string} count
 * @returns {string}
 */
export function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
}

/**
 * A size for people: `512 B`, `64.0 KiB`, `1.25 MiB`.
 *
 * @param {number | string} count
 * @returns {string}
 */
export function size(count) {
  const bytes = Number(count);
  if (bytes < 1024) return `${bytes}\u00A0B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)}\u00A0${units[power - 1]}`;
}
