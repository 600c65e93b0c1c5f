/** A client of a Guildhall host, for browsers and for Node. It has no dependencies. */
export { backoffMs, Chat, errorOf, isProgress } from "./chat.js";
export type { ChatEvents, ChatOptions, HealthReport, Message, Outgoing, Participant, Sent } from "./chat.js";
export { GuildhallError, type ErrorDetails } from "./errors.js";
export { connect, Guild, Host } from "./host.js";
export type { Abortable, ConnectOptions, RequestOptions } from "./host.js";
export type * as openapi from "./generated/openapi.js";
export type * as asyncapi from "./generated/frames.js";
