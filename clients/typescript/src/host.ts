import { Chat, type ChatOptions } from "./chat.js";
import { GuildhallError } from "./errors.js";
import type { components, paths } from "./generated/openapi.js";

type Schemas = components["schemas"];
type Verb = "get" | "post" | "put" | "delete";
type Verbs<P extends keyof paths> = { [V in Verb]: paths[P][V] extends object ? V : never }[Verb];
type Member<O, K extends string> = O extends { [Key in K]?: infer M } ? M : undefined;
type Parameters<P extends keyof paths, V extends Verb> = Member<paths[P][V], "parameters">;
type Body<O> = O extends { requestBody: { content: infer C } } ? C[keyof C] | Blob | BufferSource | FormData : undefined;
type Good = 200 | 201 | 202 | 204;
type Json<O> = O extends { responses: infer R }
  ? { [S in keyof R & Good]: R[S] extends { content: { "application/json": infer J } } ? J : undefined }[keyof R & Good]
  : never;

/** What a request may have: the members that its operation knows. */
export interface RequestOptions<P extends keyof paths, V extends Verb> {
  path?: Member<Parameters<P, V>, "path">;
  query?: Member<Parameters<P, V>, "query">;
  body?: Body<paths[P][V]>;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** How to reach a host. */
export interface ConnectOptions {
  /** Headers of every request over REST, such as those that a proxy asks for. */
  headers?: Record<string, string>;
  /** Another `fetch`. */
  fetch?: typeof fetch;
  /** Another `WebSocket`, for Node before 22. */
  WebSocket?: typeof WebSocket;
}

/** Something that may be given up. */
export interface Abortable {
  signal?: AbortSignal | undefined;
}

/** A host. Returns at once; the first request shows whether it is there. */
export function connect(url: string | URL, options: ConnectOptions = {}): Host {
  return new Host(url, options);
}

export class Host {
  readonly url: string;
  readonly WebSocket: typeof WebSocket;
  readonly #fetch: typeof fetch;
  readonly #headers: Record<string, string>;

  constructor(url: string | URL, options: ConnectOptions) {
    this.url = String(url).replace(/\/+$/, "");
    this.WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.#fetch = options.fetch ?? ((...request) => globalThis.fetch(...request));
    this.#headers = options.headers ?? {};
  }

  /** Sends any request of the API, as `/docs` of the host describes it, and returns its JSON. */
  async request<P extends keyof paths, V extends Verbs<P>>(
    verb: V, path: P, options: RequestOptions<P, V> = {},
  ): Promise<Json<paths[P][V]>> {
    const answer = await this.send(verb, path, options as SendOptions);
    const text = await answer.text();
    return (text === "" ? undefined : JSON.parse(text)) as Json<paths[P][V]>;
  }

  /** Sends a request and returns the answer, for what is not JSON. An answer that is no success is an error. */
  async send(verb: Verb, path: string, { path: places, query, body, headers, signal }: SendOptions): Promise<Response> {
    const url = new URL(this.url + path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(places?.[name]))));
    for (const [name, value] of Object.entries(query ?? {}))
      for (const one of [value].flat()) if (one !== undefined) url.searchParams.append(name, String(one));
    const isRaw = body instanceof Blob || body instanceof FormData || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
    const type = body === undefined || isRaw ? {} : { "content-type": "application/json" };
    const answer = await this.#fetch(url, {
      method: verb.toUpperCase(),
      headers: { ...type, ...this.#headers, ...headers },
      body: body === undefined ? null : isRaw ? body as BodyInit : JSON.stringify(body),
      signal: signal ?? null,
    });
    if (!answer.ok) throw await GuildhallError.ofAnswer(answer);
    return answer;
  }

  /** Launches a guild from a blueprint of the catalog. */
  async launch(blueprint: string, body: Schemas["LaunchGuildFromBlueprintRequest"], { signal }: Abortable = {}): Promise<Guild> {
    const path = { blueprint_id: blueprint };
    return this.guild((await this.request("post", "/catalog/blueprints/{blueprint_id}/guilds", { path, body, signal })).id);
  }

  /** Launches a guild from a spec. */
  async create(spec: Schemas["GuildSpec"], org: string, { signal }: Abortable = {}): Promise<Guild> {
    return this.guild((await this.request("post", "/api/guilds", { body: { spec, org_id: org }, signal })).id);
  }

  /** A guild by its id. Sends nothing. */
  guild(id: string): Guild {
    return new Guild(this, id);
  }

  /** Uploads a component and waits until it is compiled. */
  async uploadComponent(
    bytes: Blob | BufferSource, query: { name?: string; version?: string; bind?: string } = {}, { signal }: Abortable = {},
  ): Promise<Schemas["Component"]> {
    const headers = { "content-type": "application/wasm" };
    let component = await this.request("post", "/catalog/components", { query, body: bytes, headers, signal });
    while (component.state === "compiling") {
      const path = { digest: component.digest };
      component = await this.request("get", "/catalog/components/{digest}", { path, query: { wait: 30 }, signal });
    }
    return component;
  }
}

interface SendOptions extends Abortable {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
}

export class Guild {
  constructor(readonly host: Host, readonly id: string) {}

  /** Joins the guild as a user. Resolves when the guild is ready for messages. */
  chat(user: string, options: ChatOptions = {}): Promise<Chat> {
    if (!this.host.WebSocket) throw new TypeError("this runtime has no WebSocket: pass one to connect()");
    return Chat.open(this, user, options);
  }

  details({ signal }: Abortable = {}) {
    return this.host.request("get", "/api/guilds/{guild_id}", { path: { guild_id: this.id }, signal });
  }

  /** Stops the guild. It keeps its messages, states, files and users. */
  stop({ signal }: Abortable = {}) {
    return this.host.request("post", "/api/guilds/{guild_id}/stop", { path: { guild_id: this.id }, signal });
  }

  /** Starts the guild again. */
  start({ signal }: Abortable = {}) {
    return this.host.request("post", "/api/guilds/{guild_id}/start", { path: { guild_id: this.id }, signal });
  }

  /** The messages that a user sent and received, oldest first, read page by page. */
  async *history(
    user: string, { after = 0, page = 100, signal }: { after?: number; page?: number } & Abortable = {},
  ): AsyncGenerator<Schemas["Message"], void> {
    const path = { guild_id: this.id, user_id: user };
    let query: Record<string, unknown> | undefined = { after, limit: page };
    while (query) {
      const answer: Response = await this.host.send("get", "/api/guilds/{guild_id}/{user_id}/messages", { path, query, signal });
      yield* await answer.json() as Schemas["Message"][];
      const next = /<\?([^>]*)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
      query = next === undefined ? undefined : Object.fromEntries(new URLSearchParams(next));
    }
  }

  /** Uploads a file of the guild, under the name of the file. */
  upload(file: Blob, name: string, { meta, signal }: { meta?: object } & Abortable = {}) {
    const body = new FormData();
    body.append("file", file, name);
    if (meta) body.append("file_meta", JSON.stringify(meta));
    return this.host.request("post", "/api/guilds/{guild_id}/files", { path: { guild_id: this.id }, body, signal });
  }

  files({ signal }: Abortable = {}) {
    return this.host.request("get", "/api/guilds/{guild_id}/files", { path: { guild_id: this.id }, signal });
  }

  /** The bytes of a file. */
  async download(filename: string, { signal }: Abortable = {}): Promise<Blob> {
    const path = { guild_id: this.id, filename };
    return (await this.host.send("get", "/api/guilds/{guild_id}/files/{filename}", { path, signal })).blob();
  }
}
