"""The one error of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class GuildhallError(Exception):
    """An error that the host reports, over REST or on a socket, or the end of a chat that cannot go on.

    ``code`` is a stable name, such as ``guild_not_found``, ``invalid_payload`` or ``fuel``. Members that do not apply are
    ``None``.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        hint: str | None = None,
        limit: int | None = None,
        value: int | None = None,
        setting: str | None = None,
        trace_id: str | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.hint = hint
        self.limit = limit
        self.value = value
        self.setting = setting
        self.trace_id = trace_id
        self.body = body

    def __str__(self) -> str:
        text = f"{super().__str__()} ({self.code})"
        return f"{text}: {self.hint}" if self.hint else text

    @classmethod
    def of_answer(cls, answer: httpx.Response) -> GuildhallError:
        """The error of an answer that is not a success."""
        try:
            body = answer.json()
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        detail = body.get("detail") or answer.reason_phrase or f"the host answers {answer.status_code}"
        if isinstance(detail, list):
            detail = "\n".join(f"{'.'.join(map(str, one.get('loc', [])))}: {one.get('msg')}" for one in detail)
        context = body.get("context") or {}
        return cls(
            str(detail),
            code=body.get("code", "unknown"),
            status=answer.status_code,
            hint=body.get("hint"),
            limit=context.get("limit"),
            value=context.get("value"),
            setting=context.get("setting"),
            trace_id=body.get("trace_id"),
            body=body,
        )

    @classmethod
    def of_frame(cls, payload: Mapping[str, Any]) -> GuildhallError:
        """The error of an ``ErrorMessage`` frame."""
        return cls(
            str(payload.get("error_message", "")),
            code=str(payload.get("error_type", "unknown")).lower(),
            limit=payload.get("limit"),
            value=payload.get("value"),
            setting=payload.get("setting"),
            body=dict(payload),
        )
