/** How a socket ended. `wasOpen` is false if the host refused it or was not there. */
export class Lost {
  constructor(readonly code: number, readonly reason: string, readonly wasOpen: boolean) {}
}

/** One WebSocket that carries JSON. */
export class Socket<Frame> {
  /** Resolves when frames can be sent. */
  readonly opened: Promise<void>;
  /** Rejects with `Lost` when the socket has ended, for whatever reason. */
  readonly lost: Promise<never>;
  readonly #socket: WebSocket;

  constructor(Socket: typeof WebSocket, url: string, take: (frame: Frame) => void) {
    const socket = new Socket(url);
    let wasOpen = false;
    this.opened = new Promise((resolve) => {
      socket.onopen = () => { wasOpen = true; resolve(); };
    });
    socket.onmessage = ({ data }) => { if (socket.readyState === 1) take(JSON.parse(data)); };
    this.lost = new Promise((_, reject) => {
      socket.onclose = ({ code, reason }) => reject(new Lost(code, reason, wasOpen));
      // Node 20 does not report the close of a socket that was refused.
      socket.onerror = () => { if (!wasOpen) reject(new Lost(1006, "", false)); };
    });
    this.lost.catch(() => {});
    this.#socket = socket;
  }

  /** Sends a frame if the socket is open. */
  send(frame: object): void {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  close(): void {
    this.#socket.close();
  }
}
