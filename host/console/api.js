// The public API of the host: requests, uploads with progress, and sockets that come back by themselves. All addresses
// are relative to the page, so that the console works below a prefix of a proxy.

export const base = new URL('.', document.baseURI);

/** What the host answered instead of a result. */
export class ApiError extends Error {
  constructor(status, body) {
    const detail = body?.detail;
    const isList = Array.isArray(detail);
    super(isList ? 'The request has mistakes' : detail ?? `The host answered ${status}`);
    this.status = status;
    this.code = body?.code;
    this.hint = body?.hint;
    this.trace = body?.trace_id;
    this.context = body?.context;
    this.details = isList ? detail.map(({ loc, msg }) => ({ where: loc.join('.'), text: msg })) : [];
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
    if (error.name === 'AbortError') throw error;
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

/** A page of a list, and the path of the next one. */
export async function getPage(path) {
  const response = await send('GET', path);
  const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
  return { items: await read(response), next };
}

/** Lines of JSON, one after the other, until `signal` ends them. */
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
/** After these codes there is nothing to come back to: the guild was stopped, or the client does something wrong. */
const FINAL = [1000, 1002, 1007];

/**
 * A socket that comes back. `path()` is asked at each opening, so that it can name where to resume.
 * `on.frame(frame)`, `on.open()`, `on.closed(reason, isFinal)`.
 */
export class Socket {
  #socket;
  #timer;
  #isOver = false;
  #failures = 0;

  constructor(path, on) {
    Object.assign(this, { path, on });
    this.#open();
  }

  #open() {
    const url = address(this.path());
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => { this.#failures = 0; this.on.open?.(); };
    socket.onmessage = ({ data }) => this.on.frame(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (this.#isOver) return;
      const isFinal = FINAL.includes(code);
      this.on.closed?.(reason || (code === 1006 ? 'the connection broke' : `closed with ${code}`), isFinal);
      if (isFinal) return;
      const pause = Math.min(MOST_MS, 250 * 2 ** this.#failures++) * (0.75 + Math.random() / 2);
      this.#timer = setTimeout(() => this.#open(), pause);
    };
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

  /** Sends a frame if the socket is open. Returns whether it was sent. */
  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }
}
