// The public API of the host: requests, uploads with progress, and sockets that come back by themselves. All addresses
// are relative to the page, so that the console works below a prefix of a proxy.

export const base = new URL('.', document.baseURI);

/** What the host answered instead of a result. */
export class ApiError extends Error {
  constructor(status, body) {
    const detail = body?.detail;
    const mistakes = Array.isArray(detail) ? detail : body?.context?.errors ?? [];
    super(mistakes.length ? 'The request has mistakes' : detail ?? `The host answered ${status}`);
    this.status = status;
    this.code = body?.code;
    this.hint = body?.hint;
    this.trace = body?.trace_id;
    this.context = body?.context;
    /** Where the mistakes are: `loc` is a path that begins with `body` or `query`. */
    this.details = mistakes.map(({ loc, msg }) => ({ loc, where: loc.join('.'), text: msg }));
  }
}

const address = (path) => new URL(path.replace(/^\//, ''), base);

async function read(response) {
  const text = await response.text();
  let body;
  try { body = text && JSON.parse(text); } catch { body = { detail: text.slice(0, 500) }; }
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

async function send(method, path, options) {
  try {
    return await fetch(address(path), { method, ...options });
  } catch (error) {
    if (options?.signal?.aborted && error.name === 'AbortError') throw error;
    throw new ApiError(0, { detail: 'The host cannot be reached', hint: 'Is it running? The page tries again by itself.' });
  }
}

export const get = async (path, options) => read(await send('GET', path, options));
export const getText = async (path) => (await send('GET', path)).text();
export const remove = async (path) => read(await send('DELETE', path));
const withBody = (method) => async (path, body = {}) =>
  read(await send(method, path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }));
export const post = withBody('POST');
export const put = withBody('PUT');

/** A page of a list, and the address of the next one. */
export async function getPage(path) {
  const response = await send('GET', path);
  const next = /<([^>]*)>;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
  return { items: await read(response), next: next && new URL(next, response.url).href };
}

/** The items of a list, read page by page, and whether there are more than `most`. */
export async function getAll(path, most = 5_000) {
  const all = [];
  let next = `${path}${path.includes('?') ? '&' : '?'}limit=500`;
  while (next && all.length < most) {
    const page = await getPage(next);
    all.push(...page.items);
    next = page.next;
  }
  return { items: all, isMore: Boolean(next) };
}

/** Lines of JSON, one after the other, until the host or `signal` ends them. */
export async function* lines(path, signal) {
  const response = await send('GET', path, { signal });
  if (!response.ok) await read(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

/** Sends a file or a form; `onProgress` gets the sent part, from 0 to 1. */
export function upload(method, path, body, type, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address(path));
    if (type) request.setRequestHeader('content-type', type);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, { detail: 'The connection broke while the file was sent' }));
    request.onload = () => {
      let answer;
      try { answer = JSON.parse(request.responseText || 'null'); } catch { answer = { detail: request.responseText }; }
      if (request.status < 300) resolve(answer);
      else reject(new ApiError(request.status, answer));
    };
    request.send(body);
  });
}

/** The longest pause before a socket is opened again. */
const MOST_MS = 8_000;
/** A socket that was open for so long has worked: the next pause is short again. */
const WORKED_MS = 5_000;
/** After these codes there is nothing to come back to: the guild was stopped, or the client does something wrong. */
const FINAL = [1000, 1002, 1007];
/** Tells sockets that the host can be reached again: one that was cut without a word is opened anew. */
export const BACK = 'guildhall-back';

/**
 * A socket that comes back. `path()` is asked at each opening, so that it can name where to resume.
 * `on.frame(frame)`, `on.open()`, `on.closed(reason, isFinal)`.
 */
export class Socket {
  #socket;
  #timer;
  #isOver = false;
  #failures = 0;
  #again = () => this.#isOver || this.#renew();

  constructor(path, on) {
    Object.assign(this, { path, on });
    addEventListener(BACK, this.#again);
    this.#open();
  }

  #open() {
    const url = address(this.path());
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    let opened = Infinity;
    this.#socket = socket;
    socket.onopen = () => { opened = performance.now(); this.on.open?.(); };
    socket.onmessage = ({ data }) => this.on.frame(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      const isFinal = FINAL.includes(code);
      if (performance.now() - opened > WORKED_MS) this.#failures = 0;
      const pause = Math.min(MOST_MS, 250 * 2 ** this.#failures++) * (0.75 + Math.random() / 2);
      if (!isFinal) this.#timer = setTimeout(() => this.#open(), pause);
      this.on.closed?.(reason || (code === 1006 ? 'the connection broke' : `closed with ${code}`), isFinal);
    };
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    Object.assign(socket, { onopen: null, onmessage: null, onclose: null });
    // A browser warns about a socket that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(); else socket.close();
  }

  #renew() {
    this.#drop();
    this.#failures = 0;
    this.#open();
  }

  get isOpen() { return this.#socket.readyState === WebSocket.OPEN; }

  /** Sends a frame if the socket is open. Returns whether it was sent. */
  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    this.#isOver = true;
    removeEventListener(BACK, this.#again);
    this.#drop();
  }
}
