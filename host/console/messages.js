// The list of messages of a chat. It is made of pages of a hundred: a page that is out of sight costs nothing
// (`content-visibility` in `console.css`), older pages are read when they are scrolled to, and the oldest ones are dropped when
// there are many. A message is shown once, whatever way it comes.

import * as api from './api.js';
import { button, doing, element, time } from './dom.js';

const PAGE = 100;
/** The most pages that are shown while new messages come. */
const PAGES = 30;
/** This near to the end the list follows what comes; this near to its begin older messages are read. */
const NEAR_PX = 80;
const OLDER_PX = 600;

export class Messages {
  #known = new Set();
  /** The blocks of the pages, oldest first. */
  #pages = [];
  /** Where the messages before the first page are read; `undefined`: there are none. */
  #older;
  #isReading = false;
  /** Whether the list is at its end and goes on with what comes. What grows within it, such as a picture, changes nothing. */
  #follows = true;
  /** What was appended since the screen was drawn last. */
  #fresh = [];

  /** `path` is that of the history, `draw(message)` makes the element of a message. */
  constructor(path, draw) {
    Object.assign(this, { path, draw });
    this.more = button('Show older messages', doing(() => this.#readOlder()));
    this.more.hidden = true;
    this.pages = element('div');
    this.block = element('div', { class: 'messages', role: 'log', 'aria-label': 'Messages', tabindex: 0,
      onscroll: () => {
        const { scrollHeight, scrollTop, clientHeight } = this.block;
        this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_PX;
        if (scrollTop < OLDER_PX && this.#older) this.#readOlder().catch(() => {});
      } },
    element('p', { class: 'older' }, this.more), this.pages);
  }

  /** Reads the newest page, and returns the id of its last message; 0 if there is none. */
  async readNewest() {
    const { items, next } = await api.getPage(`${this.path}?dialect=guide&limit=${PAGE}&order=desc`);
    this.#prepend(items, next);
    this.block.scrollTop = this.block.scrollHeight;
    return Math.max(0, ...items.map(({ id }) => id).filter(Number.isSafeInteger));
  }

  async #readOlder() {
    if (this.#isReading || !this.#older) return;
    this.#isReading = true;
    this.block.setAttribute('aria-busy', 'true');
    try {
      const { items, next } = await api.getPage(this.#older);
      const { scrollHeight, scrollTop } = this.block;
      this.#prepend(items, next);
      // The messages that were in sight stay where they are; a browser does this itself unless it is at the very top.
      if (this.block.scrollTop === scrollTop) this.block.scrollTop += this.block.scrollHeight - scrollHeight;
    } finally {
      this.#isReading = false;
      this.block.removeAttribute('aria-busy');
    }
  }

  /** `items` are the messages before those that are shown, newest first. */
  #prepend(items, next) {
    const fresh = items.filter(({ id }) => this.note(id)).reverse();
    const page = element('div', { class: 'page' }, fresh.map((message) => this.draw(message)));
    const isFirst = this.#pages.length === 0;
    this.#pages.unshift(page);
    this.pages.prepend(page);
    if (!isFirst) settle(page);
    this.#older = next;
    this.more.hidden = !next;
  }

  /** Notes that a message is shown. Returns whether it is new. */
  note(id) {
    if (this.#known.has(id)) return false;
    this.#known.add(id);
    return true;
  }

  /** Shows a message at the end, unless it is shown already. */
  add(message) {
    if (!this.note(message.id)) return;
    this.append(this.draw(message));
  }

  /** Shows an element at the end. `isOwn`: the list goes to its end. */
  append(block, isOwn = false) {
    this.#fresh.push(block);
    this.goesToEnd ||= isOwn;
    if (this.#fresh.length > 1) return;
    const flush = () => {
      const blocks = this.#fresh.splice(0);
      this.keepPlace(() => blocks.forEach((one) => this.#last().append(one)), this.goesToEnd);
      this.goesToEnd = false;
    };
    // One drawing for all that comes between two pictures; a page in the background draws none.
    if (document.hidden || isOwn) queueMicrotask(flush); else requestAnimationFrame(flush);
  }

  /** Takes away an element that was appended, also one that is not drawn yet. */
  drop(block) {
    this.#fresh = this.#fresh.filter((one) => one !== block);
    block.remove();
  }

  /** Changes the list, and stays at its end if it was there. */
  keepPlace(change, goesToEnd = false) {
    this.#follows ||= goesToEnd;
    change();
    if (!this.#follows) return;
    this.#dropOldest();
    this.block.scrollTop = this.block.scrollHeight;
  }

  /** The block of the page that takes the next message. */
  #last() {
    if (!this.#pages.length || this.#pages.at(-1).childElementCount >= PAGE) {
      if (this.#pages.length) settle(this.#pages.at(-1));
      this.#pages.push(element('div', { class: 'page' }));
      this.pages.append(this.#pages.at(-1));
    }
    return this.#pages.at(-1);
  }

  /** They are read again when somebody scrolls to them. */
  #dropOldest() {
    while (this.#pages.length > PAGES) {
      const page = this.#pages.shift();
      for (const message of page.children) this.#known.delete(Number(message.dataset.id));
      page.remove();
      const first = this.#pages[0].firstElementChild?.dataset.id;
      this.#older = `${this.path}?dialect=guide&limit=${PAGE}&order=desc&after=${first}`;
      this.more.hidden = false;
    }
  }

  /** The element of a message around what it says. */
  bubble(message, kind, content) {
    return element('article', { class: `message ${kind}`, 'data-id': message.id },
      element('header', {}, element('span', {}, message.sender?.name ?? message.sender?.id ?? '?'), time(message.timestamp)), content);
  }
}

/** From now on a page costs nothing while it is out of sight; it keeps the place that it takes now. */
function settle(page) {
  page.style.containIntrinsicHeight = `auto ${page.offsetHeight}px`;
  page.classList.add('settled');
}
