import type { components as frames } from "./generated/frames.js";

type ErrorPayload = frames["schemas"]["ErrorPayload"];

/** What an error says besides its text. Members that do not apply are absent. */
export interface ErrorDetails {
  /** A stable name, such as `guild_not_found`, `invalid_payload` or `fuel`. */
  code: string;
  /** The HTTP status, of an error over REST. */
  status?: number | undefined;
  /** What to do about it. */
  hint?: string | undefined;
  /** The limit that was crossed, in the unit of the setting. */
  limit?: number | undefined;
  /** The value that crossed the limit. */
  value?: number | undefined;
  /** The setting of the host or of the blueprint that changes the limit. */
  setting?: string | undefined;
  /** The id of the request in the host's log. */
  traceId?: string | undefined;
  /** The whole body of the answer, or the payload of the frame. */
  body?: unknown;
}

export interface GuildhallError extends ErrorDetails {}

/** An error that the host reports, over REST or on a socket, or the end of a chat that cannot go on. */
export class GuildhallError extends Error {
  constructor(message: string, details: ErrorDetails) {
    super(message);
    this.name = "GuildhallError";
    Object.assign(this, details);
  }

  /** The error of an answer that is not a success. */
  static async ofAnswer(answer: Response): Promise<GuildhallError> {
    const body = await answer.json().catch(() => ({}));
    const detail = body.detail ?? (answer.statusText || `the host answers ${answer.status}`);
    const context = body.context ?? {};
    return new GuildhallError(typeof detail === "string" ? detail : sentences(detail), {
      code: body.code ?? "unknown", status: answer.status, hint: body.hint, traceId: body.trace_id, body,
      limit: context.limit, value: context.value, setting: context.setting,
    });
  }

  /** The error of an `ErrorMessage` frame. */
  static ofFrame(payload: ErrorPayload): GuildhallError {
    return new GuildhallError(payload.error_message, {
      code: payload.error_type.toLowerCase(), limit: payload.limit ?? undefined, value: payload.value ?? undefined,
      setting: payload.setting ?? undefined, body: payload,
    });
  }
}

/** The errors of a document in one line each. */
function sentences(errors: { loc?: unknown[]; msg?: string }[]): string {
  return errors.map((error) => `${error.loc?.join(".")}: ${error.msg}`).join("\n");
}
