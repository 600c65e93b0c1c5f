import { GuildhallError } from "./errors.js";
import type { components as frames } from "./generated/frames.js";
import type { Abortable, Guild } from "./host.js";
import { Lost, Socket } from "./socket.js";

type Schemas = frames["schemas"];
/** A message for the user: of an agent, of another user, of an own other socket, or progress or an error of a turn. */
export type Message = Schemas["Message"];
export type HealthReport = Schemas["HealthReport"];
export type Participant = Schemas["Participant"];
/** What a client may send. `id` is set by the chat. */
export type Outgoing = Omit<Partial<Schemas["ClientFrame"]>, "id"> & Pick<Schemas["ClientFrame"], "payload">;

export interface ChatOptions extends Abortable {
  /** The name that others see; the id of the user unless given. */
  name?: string;
  /** Begins after this message instead of now; 0 begins with the oldest that is kept. */
  after?: number;
  /** Also reports events about agents and components. */
  events?: boolean;
  /** How many messages wait for a loop that reads the chat: 1,000 unless given. */
  buffer?: number;
}

/** A message that is stored. */
export interface Sent {
  id: number;
  clientId: string;
}

/** What a chat tells its listeners. */
export interface ChatEvents {
  status: "connecting" | "ready" | "closed";
  health: HealthReport;
  participants: Participant[];
  event: Schemas["EventPayload"];
}

interface Pending {
  frame: Schemas["ClientFrame"];
  sentAt: number;
  tries: number;
  done(sent: Sent): void;
  failed(error: unknown): void;
}

type SystemFrame = { id: number; format: string; payload: any };

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** A message without an `Ack` for this time means that the connection is dead. */
const ACK_WITHIN_MS = 15_000;
/** How long the last messages of a guild that was stopped are waited for. */
const LAST_WITHIN_MS = 3_000;

/** Whether a message is progress of a turn: the answer is still to come. */
export const isProgress = (message: Message): boolean => message.process_status === "running";
/** The error in a message, if it is one. */
export const errorOf = (message: Message): GuildhallError | undefined =>
  message.is_error_message ? GuildhallError.ofFrame(message.payload as Schemas["ErrorPayload"]) : undefined;

/** The wait before a connection is tried again, with jitter. */
export const backoffMs = (attempt: number): number =>
  (0.5 + Math.random() / 2) * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);

/**
 * The conversation of one user with a guild. It connects again by itself, resumes where it was, and sends again what is
 * not acknowledged, so each message is read once and stored once. `for await` reads the messages.
 */
export class Chat implements AsyncIterable<Message> {
  /** The last health report. */
  health: HealthReport | undefined;
  /** The agents and users of the guild. */
  participants: Participant[] = [];

  readonly #urls: { system: string; user: string };
  readonly #name = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("");
  readonly #pending = new Map<string, Pending>();
  readonly #listeners = new Map<string, Set<(detail: any) => void>>();
  readonly #hearers = new Set<(message: Message) => void>();
  readonly #buffer: Message[] = [];
  readonly #end = new AbortController();
  #takers: ((taken: IteratorResult<Message>) => void)[] = [];
  #resumed: (() => void) | undefined;
  #isRead = false;
  #count = 0;
  #last: number | undefined;
  #sockets: Socket<any>[] = [];
  #ready: Socket<any> | undefined;
  #wasReady = false;
  #error: GuildhallError | undefined;
  #finished: Promise<void>;

  /** Joins a guild and waits until it is ready for messages. */
  static async open(guild: Guild, user: string, options: ChatOptions): Promise<Chat> {
    const chat = new Chat(guild, user, options);
    try {
      await new Promise<void>((resolve, reject) => {
        chat.on("status", (status) => status === "ready" ? resolve() : status === "closed" && reject(chat.#closed()));
        options.signal?.throwIfAborted();
        options.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
      });
    } catch (error) {
      void chat.close();
      throw error;
    }
    return chat;
  }

  private constructor(readonly guild: Guild, readonly user: string, readonly options: ChatOptions) {
    const base = `${guild.host.url.replace(/^http/, "ws")}/ws/guilds/${encodeURIComponent(guild.id)}`;
    const name = encodeURIComponent(options.name ?? user), who = encodeURIComponent(user);
    this.#urls = {
      system: `${base}/syscomms/${who}?dialect=guide&events=${options.events ?? false}`,
      user: `${base}/usercomms/${who}/${name}?dialect=guide&ack=1`,
    };
    this.#last = options.after;
    this.#finished = this.#run();
  }

  /** Calls `listener` at each event of a kind. Returns a function that ends this. */
  on<K extends keyof ChatEvents>(kind: K, listener: (detail: ChatEvents[K]) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Sends a text or a frame. Resolves when the message is stored; it is sent again until then, and stored once. */
  send(message: string | Outgoing, { signal }: Abortable = {}): Promise<Sent> {
    const clientId = `${this.#name}-${++this.#count}`;
    const frame = typeof message === "string" ? { format: "text", payload: { text: message } } : message;
    return new Promise<Sent>((resolve, reject) => {
      if (this.#end.signal.aborted) return reject(this.#closed());
      if (signal?.aborted) return reject(signal.reason);
      const pending: Pending = { frame: { ...frame, id: clientId }, sentAt: Date.now(), tries: 0, done: resolve, failed: reject };
      this.#pending.set(clientId, pending);
      signal?.addEventListener("abort", () => { this.#pending.delete(clientId); reject(signal.reason); }, { once: true });
      this.#ready?.send(pending.frame);
    });
  }

  /** Sends a message and returns the first answer to it. Fails with the error of the turn if there is none. */
  async ask(message: string | Outgoing, { signal, onProgress }: Abortable & { onProgress?: (message: Message) => void } = {}): Promise<Message> {
    const early: Message[] = [];
    let hear = (heard: Message) => { early.push(heard); };
    const hearer = (heard: Message) => hear(heard);
    this.#hearers.add(hearer);
    try {
      const { id } = await this.send(message, { signal });
      return await new Promise((resolve, reject) => {
        hear = (heard) => {
          if (heard.in_response_to !== id && !heard.thread.slice(0, -1).includes(id)) return;
          const error = errorOf(heard);
          if (isProgress(heard)) onProgress?.(heard);
          else if (!error) resolve(heard);
          else if (heard.payload["dead_lettered"] !== false) reject(error);
        };
        early.forEach(hear);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        void this.#finished.then(() => reject(this.#closed()));
      });
    } finally {
      this.#hearers.delete(hearer);
    }
  }

  /** Reads the messages from now on, and those that wait. One loop reads at a time; it ends when the chat is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Message> {
    this.#isRead = true;
    return {
      next: async () => {
        const value = this.#buffer.shift();
        if (this.#buffer.length === 0) this.#resumed?.();
        if (value) return { done: false, value };
        if (this.#end.signal.aborted && this.#error) throw this.#error;
        if (this.#end.signal.aborted) return { done: true, value: undefined };
        return new Promise((resolve) => this.#takers.push(resolve)).then((taken) => {
          if ((taken as IteratorResult<Message>).done && this.#error) throw this.#error;
          return taken as IteratorResult<Message>;
        });
      },
      return: async () => { this.#isRead = false; this.#resumed?.(); return { done: true, value: undefined }; },
    };
  }

  /** Leaves the guild. Messages that are not acknowledged fail. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#resumed?.();
    for (const socket of this.#sockets) socket.close();
    await this.#finished;
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#end.signal.aborted; attempt++) {
      this.#tell("status", "connecting");
      try {
        await this.#connection(() => { attempt = -1; });
      } catch (lost) {
        this.#error = await this.#reason(lost).catch((error) => error);
      } finally {
        this.#ready = undefined;
        for (const socket of this.#sockets) socket.close();
      }
      if (this.#error) break;
      if (this.#buffer.length >= this.#limit && this.#isRead) await new Promise<void>((resume) => { this.#resumed = resume; });
      if (!this.#end.signal.aborted) await sleep(backoffMs(Math.max(attempt, 0)), this.#end.signal);
    }
    this.#end.abort();
    for (const pending of this.#pending.values()) pending.failed(this.#closed());
    this.#pending.clear();
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
    this.#tell("status", "closed");
  }

  /** One connection: both sockets, until one of them is lost. */
  async #connection(isReady: () => void): Promise<never> {
    let tellFirst!: (id: number) => void, tellHealthy!: (report: HealthReport) => void;
    const first = new Promise<number>((resolve) => { tellFirst = resolve; });
    const healthy = new Promise<HealthReport>((resolve) => { tellHealthy = resolve; });
    const { WebSocket } = this.guild.host;
    const system = new Socket<SystemFrame>(WebSocket, this.#urls.system, (frame) => {
      if (frame.format.endsWith("AgentsHealthReport")) {
        tellFirst(frame.id);
        if (["ok", "warning", "backlogged", "error"].includes(frame.payload.guild_health)) tellHealthy(frame.payload);
      }
      this.#note(frame);
    });
    this.#sockets = [system];
    const id = await Promise.race([first, system.lost]);
    this.#last ??= id;
    const user = new Socket<Message>(WebSocket, `${this.#urls.user}&after=${this.#last}`, (frame) => this.#take(frame));
    this.#sockets = [system, user];
    const lost = Promise.race([system.lost, user.lost]);
    lost.catch(() => {});
    const [report] = await Promise.race([Promise.all([healthy, user.opened]), lost]);
    if (report.guild_health === "error" && !this.#wasReady) throw unhealthy(report);
    this.#wasReady = true;
    this.#ready = user;
    for (const pending of this.#pending.values()) this.#resend(pending);
    system.send({ format: "participantsRequest", payload: { guild_id: this.guild.id } });
    isReady();
    this.#tell("status", "ready");
    const watch = setInterval(() => {
      const oldest = Math.min(...[...this.#pending.values()].map((pending) => pending.sentAt));
      if (oldest + ACK_WITHIN_MS < Date.now()) this.#sockets.forEach((socket) => socket.close());
    }, 1_000);
    try {
      return await lost;
    } catch (end) {
      // The user socket still gets what the guild said last.
      if ((end as Lost).code === 1000) await Promise.race([Promise.allSettled([system.lost, user.lost]), sleep(LAST_WITHIN_MS)]);
      throw end;
    } finally {
      clearInterval(watch);
    }
  }

  /** Why the chat cannot go on after a connection was lost; `undefined` if it can. */
  async #reason(lost: unknown): Promise<GuildhallError | undefined> {
    if (!(lost instanceof Lost)) return lost as GuildhallError;
    if (this.#end.signal.aborted) return undefined;
    if (lost.code === 1000 && lost.wasOpen) { this.#end.abort(); return undefined; }
    if (lost.code === 1002 || lost.code === 1007) return new GuildhallError(lost.reason, { code: "protocol_error" });
    if (lost.code === 1009) this.#refuseLargest(lost.reason);
    if (lost.wasOpen) return undefined;
    // A page is not told why a socket was refused.
    const status = await this.guild.details({ signal: this.#end.signal }).then((guild) => guild.status, (error) => {
      if (error instanceof GuildhallError && error.status !== undefined && error.status < 500) throw error;
    });
    return status === "stopped" ? new GuildhallError("the guild is stopped", { code: "guild_stopped" }) : undefined;
  }

  #refuseLargest(reason: string): void {
    const size = (pending: Pending) => JSON.stringify(pending.frame).length;
    const [id, largest] = [...this.#pending].sort(([, one], [, other]) => size(other) - size(one))[0] ?? [];
    if (!id || !largest) return;
    this.#pending.delete(id);
    largest.failed(new GuildhallError(reason, { code: "frame_too_large", setting: "limits.frame_bytes" }));
  }

  /** A frame of the user socket. */
  #take(frame: Message): void {
    this.#last = Math.max(this.#last ?? 0, frame.id);
    const payload = frame.payload as Record<string, any>;
    if (frame.format === "Ack") return this.#settle(payload["client_id"], payload["id"]);
    // After a reconnect the host also sends what this chat itself said.
    if (String(frame.client_id ?? "").startsWith(`${this.#name}-`) && !frame.is_error_message) return this.#settle(String(frame.client_id), frame.id);
    const pending = frame.is_error_message ? this.#pending.get(payload["client_id"]) : undefined;
    if (pending) return this.#refused(pending, payload as Schemas["ErrorPayload"]);
    for (const hear of [...this.#hearers]) hear(frame);
    const taker = this.#takers.shift();
    if (taker) return taker({ done: false, value: frame });
    this.#buffer.push(frame);
    if (this.#buffer.length < this.#limit) return;
    // Who reads slowly gets the rest after it has read this; nobody else keeps more than the newest.
    if (this.#isRead) for (const socket of this.#sockets) socket.close();
    else this.#buffer.shift();
  }

  #settle(clientId: string, id: number): void {
    this.#pending.get(clientId)?.done({ id, clientId });
    this.#pending.delete(clientId);
  }

  #refused(pending: Pending, payload: Schemas["ErrorPayload"]): void {
    if (payload.error_type !== "BUSY") {
      this.#pending.delete(String(pending.frame.id));
      return pending.failed(GuildhallError.ofFrame(payload));
    }
    const wait = backoffMs(pending.tries++);
    pending.sentAt = Date.now() + wait;
    setTimeout(() => this.#pending.has(String(pending.frame.id)) && this.#resend(pending), wait);
  }

  #resend(pending: Pending): void {
    pending.sentAt = Date.now();
    this.#ready?.send(pending.frame);
  }

  /** A frame of the system socket. */
  #note({ format, payload }: SystemFrame): void {
    if (format.endsWith("AgentsHealthReport")) this.#tell("health", this.health = payload);
    else if (format === "Participants") this.#tell("participants", this.participants = payload.participants);
    else if (format === "guildhall.Event") this.#tell("event", payload);
  }

  #tell<K extends keyof ChatEvents>(kind: K, detail: ChatEvents[K]): void {
    for (const listener of [...this.#listeners.get(kind) ?? []]) listener(detail);
  }

  #closed(): GuildhallError {
    return this.#error ?? new GuildhallError("the chat is closed", { code: "closed" });
  }

  get #limit(): number {
    return this.options.buffer ?? 1_000;
  }
}

/** The error of a guild that cannot start, with what its agents say. */
function unhealthy(report: HealthReport): GuildhallError {
  const failed = Object.entries(report.agents).filter(([, agent]) => agent.checkstatus === "error");
  const texts = failed.map(([id, agent]) => `${id}: ${JSON.stringify(agent.checkmeta["detail"] ?? agent.checkstatus)}`);
  return new GuildhallError(`the guild is in error: ${texts.join("; ")}`, { code: "guild_error", body: report });
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
