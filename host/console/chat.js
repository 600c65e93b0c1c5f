// The conversation of one user: the history, then what comes, without a line lost or doubled when the connection breaks.

import * as api from './api.js';
import { button, doing, element, field, notice, problem, time } from './dom.js';
import { show } from './show.js';

const PAGE = 500;
/** The most messages of a history that are shown; a note says how to read what is before them. */
const MOST = 10_000;

export class Chat {
  #known = new Set();
  #live = new Map();
  #waiting = new Map();
  #last = 0;
  #socket;
  #isOver = false;

  constructor(guild, user, onState) {
    Object.assign(this, { guild, user, onState });
    this.messages = element('div', { class: 'messages', role: 'log', 'aria-label': 'Messages', tabindex: 0 });
    this.text = element('textarea', { rows: 1, placeholder: 'Say something', 'aria-label': 'Message', onkeydown: (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.#say(); }
    } });
    const picked = element('input', { type: 'file', hidden: true, multiple: true, onchange: doing(() => this.#upload(picked)) });
    this.block = element('section', { class: 'chat', 'aria-label': 'Chat' }, this.messages,
      element('form', { class: 'compose', onsubmit: (event) => { event.preventDefault(); this.#say(); } }, this.text,
        button('File', () => picked.click()), element('button', { class: 'main' }, 'Send'), picked));
  }

  /** Reads the history, and opens the socket if the guild runs. */
  async begin(runs) {
    for (const control of this.block.querySelectorAll('.compose > *')) control.disabled = !runs;
    try {
      await this.#readHistory();
    } catch (error) {
      this.messages.append(problem(error));
    }
    if (this.#isOver || !runs) return;
    const [guild, user] = [this.guild, this.user].map(encodeURIComponent);
    this.#socket = new api.Socket(() => `ws/guilds/${guild}/usercomms/${user}/${user}?ack=1&after=${this.#last}`, {
      frame: (frame) => this.#take(frame),
      open: () => {
        this.onState('connected');
        // What was not confirmed is said again under the same id: the host stores it once.
        for (const frame of [...this.#waiting.values()]) this.#socket.send(frame.sent);
      },
      closed: (reason, isFinal) => this.onState(isFinal ? `over: ${reason}` : `reconnecting: ${reason}`),
    });
  }

  end() {
    this.#isOver = true;
    this.#socket?.close();
  }

  async #readHistory() {
    let path = `api/guilds/${encodeURIComponent(this.guild)}/${encodeURIComponent(this.user)}/messages?limit=${PAGE}`;
    for (let read = 0; path && read < MOST && !this.#isOver; read += PAGE) {
      const { items, next } = await api.getPage(path);
      const made = items.map((message) => this.#note(message)).filter(Boolean);
      this.messages.append(...made);
      path = next;
    }
    if (path) this.messages.append(element('p', { class: 'dim' }, `The history is longer than ${MOST} messages; the rest is read by GET /${path}.`));
    this.#scroll(true);
  }

  /** A frame of the socket. */
  #take(frame) {
    if (frame.format === 'Ack') {
      this.#confirm(frame.payload);
      return;
    }
    const key = `${frame.sender?.id} ${frame.in_response_to}`;
    if (frame.process_status === 'running') {
      this.#progress(key, frame);
      return;
    }
    const isAtEnd = this.#isAtEnd();
    this.#live.get(key)?.block.remove();
    this.#live.delete(key);
    const made = this.#note(frame);
    if (made) this.messages.append(made);
    this.#scroll(isAtEnd);
  }

  /** The element of a message that is new; nothing of one that is shown already. */
  #note(message) {
    if (this.#known.has(message.id)) return undefined;
    this.#known.add(message.id);
    if (Number.isSafeInteger(message.id)) this.#last = Math.max(this.#last, message.id);
    const waits = message.client_id !== undefined && this.#waiting.get(String(message.client_id));
    if (waits) {
      this.#waiting.delete(String(message.client_id));
      waits.block.classList.remove('waits');
      return undefined;
    }
    return this.#bubble(message, message.sender?.id === this.user ? 'own' : '');
  }

  #bubble(message, kind) {
    const reply = (format, payload) => this.#send(format, payload, message.conversation_id);
    return element('article', { class: `message ${kind}`, 'data-id': message.id },
      element('header', {}, element('span', {}, message.sender?.name ?? message.sender?.id ?? '?'), time(message.timestamp)),
      show(message.format, message.payload, { guild: this.guild, reply }));
  }

  /** What an agent shows in the middle of its turn: it is replaced, or grows, until the answer is there. */
  #progress(key, frame) {
    const isAtEnd = this.#isAtEnd();
    const before = this.#live.get(key);
    let { payload } = frame;
    if (before && payload?.updateType === 'append' && typeof payload.text === 'string') {
      payload = { ...payload, text: (before.payload.text ?? '') + payload.text };
    }
    const block = this.#bubble({ ...frame, payload }, 'live');
    if (before) before.block.replaceWith(block); else this.messages.append(block);
    this.#live.set(key, { block, payload });
    this.#scroll(isAtEnd);
  }

  #confirm({ client_id: name, id }) {
    const waits = this.#waiting.get(String(name));
    if (!waits) return;
    this.#waiting.delete(String(name));
    this.#known.add(id);
    this.#last = Math.max(this.#last, id);
    waits.block.classList.remove('waits');
    waits.block.dataset.id = id;
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
    const block = this.#bubble({ ...sent, timestamp: Date.now() }, 'own waits');
    this.#waiting.set(id, { sent, block });
    this.messages.append(block);
    this.#scroll(true);
    if (!this.#socket?.send(sent)) notice('Not connected; the message is sent as soon as the host is back');
  }

  async #upload(picked) {
    const files = [];
    for (const chosen of picked.files) {
      const body = new FormData();
      body.append('file', chosen);
      const bar = element('progress', { max: 1, value: 0, 'aria-label': `Uploading ${chosen.name}` });
      this.block.insertBefore(bar, this.block.lastElementChild);
      try {
        const answer = await api.upload('POST', `api/guilds/${encodeURIComponent(this.guild)}/files/`, body, undefined, (part) => { bar.value = part; });
        files.push({ name: answer.filename ?? chosen.name, url: answer.url ?? encodeURIComponent(chosen.name) });
      } finally {
        bar.remove();
      }
    }
    picked.value = '';
    const text = this.text.value.trim();
    this.text.value = '';
    if (files.length) this.#send('rustic_ai.core.ui_protocol.types.FilesWithTextFormat', { files, text });
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.messages;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  #scroll(isWanted) {
    if (isWanted) this.messages.scrollTop = this.messages.scrollHeight;
  }
}

/** The choice of the user who chats. */
export function userChoice(users, user, onChoice) {
  const input = element('input', { value: user, size: 16, autocomplete: 'off', list: 'users', pattern: '.{1,100}' });
  input.setAttribute('list', 'users');
  input.addEventListener('change', () => input.value.trim() && onChoice(input.value.trim()));
  return element('div', {}, field('Chat as', input), element('datalist', { id: 'users' }, users.map((one) => element('option', { value: one }))));
}

