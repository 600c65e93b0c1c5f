// The conversation of one user: the newest messages, older ones as they are scrolled to, and what comes, without a line lost
// or doubled when the connection breaks.

import * as api from './api.js';
import { button, doing, element, field, notice, problem } from './dom.js';
import { uploadFiles } from './files.js';
import { Messages } from './messages.js';
import { show } from './show.js';

/** What was said and is not confirmed, for each guild and user: it outlives the page that shows it. */
const unconfirmed = new Map();
/** The pause before a history is read again. */
const AGAIN_MS = 2_000;

export class Chat {
  /** The answers of agents that are in the middle of their turns. */
  #live = new Map();
  #last = 0;
  #socket;
  #isOver = false;

  constructor(guild, user, onState) {
    Object.assign(this, { guild, user, onState });
    const key = JSON.stringify([guild, user]);
    if (!unconfirmed.has(key)) unconfirmed.set(key, new Map());
    this.waiting = unconfirmed.get(key);
    const path = `api/guilds/${encodeURIComponent(guild)}/${encodeURIComponent(user)}/messages`;
    this.messages = new Messages(path, (message) => this.#bubble(message, message.sender?.id === user ? 'own' : ''));
    this.bars = element('div');
    this.text = element('textarea', { rows: 1, placeholder: 'Say something', 'aria-label': 'Message', onkeydown: (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.#say(); }
    } });
    const picked = element('input', { type: 'file', hidden: true, multiple: true, onchange: doing(() => this.#upload(picked)) });
    this.block = element('section', { class: 'chat', 'aria-label': 'Chat' }, element('h2', { class: 'unseen' }, 'Messages'), this.messages.block, this.bars,
      element('form', { class: 'compose', onsubmit: (event) => { event.preventDefault(); this.#say(); } }, this.text,
        button('File', () => picked.click()), element('button', { class: 'main' }, 'Send'), picked));
  }

  /** Reads the newest messages, and opens the socket if the guild runs. */
  async begin(runs) {
    for (const control of this.block.querySelectorAll('.compose > *')) control.disabled = !runs;
    if (!await this.#readNewest() || !runs) return;
    for (const [id, waits] of this.waiting) this.#showUnconfirmed(id, waits);
    const [guild, user] = [this.guild, this.user].map(encodeURIComponent);
    this.#socket = new api.Socket(() => `ws/guilds/${guild}/usercomms/${user}/${user}?dialect=guide&ack=1&after=${this.#last}`, {
      frame: (frame) => this.#take(frame),
      open: () => {
        this.onState('connected');
        // What was not confirmed is said again under the same id: the host stores it once.
        for (const { sent } of this.waiting.values()) this.#socket.send(sent);
      },
      closed: (reason, isFinal) => {
        this.onState(isFinal ? `over: ${reason}` : `reconnecting: ${reason}`);
        // A turn that was cut short is repeated; what it had shown is not.
        for (const { block } of this.#live.values()) this.messages.drop(block);
        this.#live.clear();
      },
    });
  }

  end() {
    this.#isOver = true;
    this.#socket?.close();
  }

  /** Returns whether the history was read; a failure is shown, and it is tried again until the page is left. */
  async #readNewest() {
    const failed = element('div');
    this.messages.block.append(failed);
    while (!this.#isOver) {
      try {
        this.#last = await this.messages.readNewest();
        failed.remove();
        return !this.#isOver;
      } catch (error) {
        failed.replaceChildren(problem(error));
        await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
      }
    }
    return false;
  }

  /** A frame of the socket. */
  #take(frame) {
    if (frame.format === 'Ack') {
      this.#confirm(String(frame.payload.client_id), frame.payload.id);
      return;
    }
    const key = `${frame.sender?.id} ${frame.in_response_to}`;
    if (frame.process_status === 'running') {
      this.#progress(key, frame);
      return;
    }
    if (this.#live.has(key)) this.messages.drop(this.#live.get(key).block);
    this.#live.delete(key);
    if (Number.isSafeInteger(frame.id)) this.#last = Math.max(this.#last, frame.id);
    if (frame.client_id !== undefined && this.waiting.has(String(frame.client_id))) this.#confirm(String(frame.client_id), frame.id);
    else this.messages.add(frame);
  }

  #bubble(message, kind) {
    const reply = (format, payload) => this.#send(format, payload, message.conversation_id);
    return this.messages.bubble(message, kind, show(message.format, message.payload, { guild: this.guild, reply }));
  }

  /** What an agent shows in the middle of its turn: it is replaced, or grows, until the answer is there. */
  #progress(key, frame) {
    const before = this.#live.get(key);
    let { payload } = frame;
    if (before && payload?.updateType === 'append' && typeof payload.text === 'string') {
      payload = { ...payload, text: (before.payload.text ?? '') + payload.text };
    }
    const now = { ...frame, payload };
    if (before) {
      before.payload = payload;
      before.frame = now;
      if (before.isDue) return;
      before.isDue = true;
      // Many tokens come between two pictures of the screen: the text is drawn once for all of them.
      requestAnimationFrame(() => {
        before.isDue = false;
        if (this.#live.get(key) !== before) return;
        const block = this.#bubble(before.frame, 'live');
        this.messages.keepPlace(() => before.block.replaceWith(block));
        before.block = block;
      });
      return;
    }
    const block = this.#bubble(now, 'live');
    this.#live.set(key, { block, payload });
    this.messages.append(block);
  }

  #confirm(name, id) {
    const waits = this.waiting.get(name);
    if (!waits) return;
    this.waiting.delete(name);
    this.#last = Math.max(this.#last, id);
    waits.block.classList.remove('waits');
    waits.block.dataset.id = id;
    if (!this.messages.note(id)) this.messages.drop(waits.block);
  }

  #say() {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = '';
    this.#send('text', { text });
  }

  #send(format, payload, conversation = null) {
    const id = `console-${crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`}`;
    const sent = { id, format, payload, sender: { id: this.user, name: this.user }, conversationId: conversation, timestamp: new Date().toISOString() };
    const waits = { sent };
    this.waiting.set(id, waits);
    this.#showUnconfirmed(id, waits);
    if (!this.#socket?.send(sent)) notice('Not connected; the message is sent as soon as the host is back');
  }

  #showUnconfirmed(id, waits) {
    waits.block = this.#bubble({ ...waits.sent, timestamp: waits.sent.timestamp }, 'own waits');
    this.messages.append(waits.block, true);
  }

  async #upload(picked) {
    const files = await uploadFiles(this.guild, picked.files, this.bars);
    picked.value = '';
    const text = this.text.value.trim();
    this.text.value = '';
    if (files.length) this.#send('rustic_ai.core.ui_protocol.types.FilesWithTextFormat', { files, text });
  }
}

/** The choice of the user who chats. */
export function userChoice(users, user, onChoice) {
  const input = element('input', { value: user, size: 16, autocomplete: 'off', required: true, maxLength: 100, pattern: '[^\\/]+', title: 'The id of a user: anything without a slash' });
  input.setAttribute('list', 'users');
  input.addEventListener('change', () => input.reportValidity() && onChoice(input.value.trim()));
  return element('div', {}, field('Chat as', input), element('datalist', { id: 'users' }, users.map((one) => element('option', { value: one }))));
}
