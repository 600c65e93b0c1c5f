"""The conversation of one user with a guild, over both sockets."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ._errors import GuildhallError

if TYPE_CHECKING:
    from ._host import Guild

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0
#: A message without an ``Ack`` for this time means that the connection is dead.
ACK_WITHIN_S = 15.0
#: How long the last messages of a guild that was stopped are waited for.
LAST_WITHIN_S = 3.0
#: The messages that are kept for a reader; what comes later is read from the host when these are taken.
BUFFER = 1_000


class Participant(TypedDict):
    """An agent or a user of a guild."""

    id: str
    name: str
    type: str


class HealthReport(TypedDict):
    """The health of a guild and of its agents."""

    agents: dict[str, dict[str, Any]]
    guild_health: str


@dataclass(frozen=True)
class Sent:
    """A message that is stored."""

    id: int
    client_id: str


class Message(dict[str, Any]):
    """A message for the user, with all members of the wire; the common ones are properties."""

    @property
    def id(self) -> int:
        """The id: a later message has a larger one."""
        return int(self["id"])

    @property
    def format(self) -> str:
        """The name of the payload's schema."""
        return str(self["format"])

    @property
    def payload(self) -> dict[str, Any]:
        """The contents."""
        return dict(self["payload"])

    @property
    def text(self) -> str:
        """The text of the payload, or an empty one."""
        return str(self["payload"].get("text") or "")

    @property
    def sender(self) -> str:
        """The name of the sender."""
        return str(self["sender"].get("name") or self["sender"].get("id") or "")

    @property
    def thread(self) -> list[int]:
        """The ids from the first message of the thread on."""
        return list(self.get("thread") or [])

    @property
    def in_response_to(self) -> int | None:
        """The message that this one answers."""
        return self.get("in_response_to")

    @property
    def is_progress(self) -> bool:
        """Whether the answer is still to come."""
        return self.get("process_status") == "running"

    @property
    def error(self) -> GuildhallError | None:
        """The error in the message, if it is one."""
        return GuildhallError.of_frame(self["payload"]) if self.get("is_error_message") else None

    def _repr_markdown_(self) -> str:
        return f"**{self.sender}:** {self.text or json.dumps(self['payload'], ensure_ascii=False)}"


@dataclass
class _Pending:
    frame: dict[str, Any]
    done: asyncio.Future[Sent]
    sent_at: float = 0.0
    tries: int = 0


@dataclass
class _Lost(Exception):
    """A connection ended. ``was_open`` is false if the host refused it or was not there."""

    code: int
    reason: str
    was_open: bool


def backoff_s(attempt: int) -> float:
    """The wait before a connection is tried again, with jitter."""
    return (0.5 + random.random() / 2) * min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2 ** min(attempt, 16)))


class Chat(AbstractAsyncContextManager["Chat"]):
    """The conversation of one user with a guild.

    It connects again by itself, resumes where it was, and sends again what is not acknowledged, so each message is read
    once and stored once. Use it as a context manager, or read it at once with ``async for``.
    """

    def __init__(
        self,
        guild: Guild,
        user: str,
        *,
        name: str | None = None,
        after: int | None = None,
        events: bool = False,
        say: str | None = None,
    ) -> None:
        self.guild = guild
        self.user = user
        self.health: HealthReport | None = None
        self.participants: list[Participant] = []
        #: Called with each health report, each list of participants, and each event.
        self.on_health: Callable[[HealthReport], None] | None = None
        self.on_participants: Callable[[list[Participant]], None] | None = None
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        host = guild.host
        base = f"ws{host.url.removeprefix('http')}/ws/guilds/{_part(guild.id)}"
        self._system_url = f"{base}/syscomms/{_part(user)}?dialect=guide&events={str(events).lower()}"
        self._user_url = f"{base}/usercomms/{_part(user)}/{_part(name or user)}?dialect=guide&ack=1"
        self._say = say
        self._name = secrets.token_hex(8)
        self._count = 0
        self._last = after
        self._pending: dict[str, _Pending] = {}
        self._hearers: set[Callable[[Message], None]] = set()
        self._messages: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._is_read = False
        self._ready: ClientConnection | None = None
        self._is_ready = asyncio.Event()
        self._was_ready = False
        self._closing = asyncio.Event()
        self._error: GuildhallError | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Chat:
        """Joins the guild and waits until it is ready for messages."""
        self._task = self._task or asyncio.create_task(self._run())
        try:
            await self._unless_over(self._is_ready.wait())
        except BaseException:
            await self.close()
            raise
        if self._say is not None:
            await self.send(self._say)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leaves the guild. Messages that are not acknowledged fail."""
        self._closing.set()
        self._drained.set()
        if self._task:
            await asyncio.wait([self._task])

    async def send(self, message: str | Mapping[str, Any]) -> Sent:
        """Sends a text or a frame, and waits until the message is stored. It is sent again until then, and stored once."""
        if self._task is None or self._task.done() or self._closing.is_set():
            raise self._closed()
        self._count += 1
        client_id = f"{self._name}-{self._count}"
        given = {"format": "text", "payload": {"text": message}} if isinstance(message, str) else dict(message)
        pending = _Pending({**given, "id": client_id}, asyncio.get_running_loop().create_future(), _now())
        self._pending[client_id] = pending
        try:
            if self._ready:
                await _write(self._ready, pending.frame)
            return await pending.done
        finally:
            self._pending.pop(client_id, None)

    async def ask(
        self, message: str | Mapping[str, Any], *, on_progress: Callable[[Message], None] | None = None
    ) -> Message:
        """Sends a message and returns the first answer to it. Raises the error of the turn if there is none."""
        heard: asyncio.Queue[Message] = asyncio.Queue()
        self._hearers.add(heard.put_nowait)
        try:
            sent = await self.send(message)
            while True:
                found: Message = await self._unless_over(heard.get())
                if found.in_response_to != sent.id and sent.id not in found.thread[:-1]:
                    continue
                error = found.error
                if found.is_progress:
                    if on_progress:
                        on_progress(found)
                elif error is None:
                    return found
                elif found["payload"].get("dead_lettered") is not False:
                    raise error
        finally:
            self._hearers.discard(heard.put_nowait)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Reads the messages from now on, and those that wait. One loop reads at a time; it ends with the chat."""
        is_own = self._task is None
        if is_own:
            await self.__aenter__()
        self._is_read = True
        try:
            while True:
                if self._messages:
                    yield self._messages.popleft()
                    continue
                self._drained.set()
                if self._task is None or self._task.done():
                    break
                self._arrived.clear()
                await self._unless_over(self._arrived.wait(), raises=False)
            if self._error:
                raise self._error
        finally:
            self._is_read = False
            self._drained.set()
            if is_own:
                await self.close()

    async def _unless_over(self, wanted: Any, *, raises: bool = True) -> Any:
        """Waits for something, or raises the end of the chat."""
        assert self._task is not None
        waiting = asyncio.ensure_future(wanted)
        try:
            await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            if raises:
                raise self._closed()
            return None
        finally:
            waiting.cancel()

    async def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set() and self._error is None:
            was_ready = False
            try:
                await self._unless_closed(self._connection())
            except (_Lost, OSError, WebSocketException, TimeoutError) as lost:
                was_ready = self._ready is not None
                try:
                    await self._unless_closed(self._judge(lost))
                except GuildhallError as error:
                    self._error = error
            except GuildhallError as error:
                self._error = error
            finally:
                self._ready = None
                self._is_ready.clear()
            attempt = 0 if was_ready else attempt + 1
            if self._error is None:
                await self._pause(attempt)
        for pending in self._pending.values():
            if not pending.done.done():
                pending.done.set_exception(self._closed())

    async def _unless_closed(self, work: Awaitable[None]) -> None:
        """Works until the chat is closed."""
        working, closing = asyncio.ensure_future(work), asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait([working, closing], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            closing.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait([working])

    async def _pause(self, attempt: int) -> None:
        """Waits before the next connection: some time, and until a slow reader has taken what is here."""
        while len(self._messages) >= BUFFER and self._is_read and not self._closing.is_set():
            self._drained.clear()
            await self._drained.wait()
        try:
            await asyncio.wait_for(self._closing.wait(), backoff_s(attempt))
        except (TimeoutError, asyncio.TimeoutError):
            pass

    async def _connection(self) -> None:
        """One connection: both sockets, until one of them is lost."""
        sockets: list[ClientConnection] = []
        readers: list[asyncio.Task[None]] = []
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        healthy = asyncio.Event()
        try:
            sockets.append(await self._open(self._system_url))
            readers.append(asyncio.create_task(_read(sockets[0], lambda frame: self._note(frame, first, healthy))))
            first_id = await _unless_lost(first, readers)
            self._last = first_id if self._last is None else self._last
            sockets.append(await self._open(f"{self._user_url}&after={self._last}"))
            readers.append(asyncio.create_task(_read(sockets[1], self._take)))
            await _unless_lost(healthy.wait(), readers)
            if self.health and self.health["guild_health"] == "error" and not self._was_ready:
                raise _unhealthy(self.health)
            self._ready, self._was_ready = sockets[1], True
            for pending in list(self._pending.values()):
                await self._resend(pending)
            await _write(sockets[0], {"format": "participantsRequest", "payload": {"guild_id": self.guild.id}})
            self._is_ready.set()
            await self._watch(readers)
        except _Lost as lost:
            if lost.code == 1000 and readers:  # The user socket still gets what the guild said last.
                await asyncio.wait(readers, timeout=LAST_WITHIN_S)
            raise
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, *(socket.close() for socket in sockets), return_exceptions=True)

    async def _open(self, url: str) -> ClientConnection:
        """Opens a socket. Raises ``_Lost`` if the host refuses it."""
        try:
            return await connect_socket(url, additional_headers=self.guild.host.headers, max_size=None)
        except InvalidStatus as refused:
            raise _Lost(1006, f"the host answers {refused.response.status_code}", False) from None

    async def _watch(self, readers: list[asyncio.Task[None]]) -> None:
        """Does not return: raises when a socket is lost, or when messages are not acknowledged."""
        while True:
            done, _ = await asyncio.wait(readers, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            for reader in done:
                reader.result()
            oldest = min((pending.sent_at for pending in self._pending.values()), default=_now())
            if oldest + ACK_WITHIN_S < _now():
                raise _Lost(1006, "messages are not acknowledged", True)

    async def _judge(self, lost: BaseException) -> None:
        """Raises why the chat cannot go on after a connection was lost."""
        if not isinstance(lost, _Lost):
            return
        if lost.code == 1000 and lost.was_open:
            self._closing.set()
        elif lost.code in (1002, 1007):
            raise GuildhallError(lost.reason, code="protocol_error")
        elif lost.code == 1009:
            self._refuse_largest(lost.reason)
        elif not lost.was_open:
            try:
                status = (await self.guild.details())["status"]
            except GuildhallError as error:
                if error.status is not None and error.status < 500:
                    raise
            except httpx.TransportError:
                pass
            else:
                if status == "stopped":
                    raise GuildhallError("the guild is stopped", code="guild_stopped")

    def _refuse_largest(self, reason: str) -> None:
        largest = max(self._pending.values(), key=lambda pending: len(json.dumps(pending.frame)), default=None)
        if largest and not largest.done.done():
            error = GuildhallError(reason, code="frame_too_large", setting="limits.frame_bytes")
            largest.done.set_exception(error)
            self._pending.pop(str(largest.frame["id"]), None)

    def _take(self, frame: dict[str, Any]) -> None:
        """A frame of the user socket."""
        message = Message(frame)
        self._last = max(self._last or 0, message.id)
        payload, is_error = frame["payload"], bool(frame.get("is_error_message"))
        if frame["format"] == "Ack":
            return self._settle(str(payload.get("client_id")), payload["id"])
        # After a reconnect the host also sends what this chat itself said.
        if str(frame.get("client_id") or "").startswith(f"{self._name}-") and not is_error:
            return self._settle(str(frame["client_id"]), message.id)
        pending = self._pending.get(str(payload.get("client_id"))) if is_error else None
        if pending:
            return self._refused(pending, payload)
        self._messages.append(message)
        self._arrived.set()
        for hear in list(self._hearers):
            hear(message)
        if len(self._messages) >= BUFFER:
            # Who reads slowly gets the rest after it has read this; nobody else keeps more than the newest.
            if self._is_read:
                raise _Lost(1006, "the reader is slow", True)
            self._messages.popleft()

    def _settle(self, client_id: str, id: int) -> None:
        pending = self._pending.get(client_id)
        if pending and not pending.done.done():
            pending.done.set_result(Sent(id, client_id))

    def _refused(self, pending: _Pending, payload: Mapping[str, Any]) -> None:
        if payload.get("error_type") != "BUSY":
            if not pending.done.done():
                pending.done.set_exception(GuildhallError.of_frame(payload))
            return
        wait = backoff_s(pending.tries)
        pending.tries += 1
        pending.sent_at = _now() + wait
        again = asyncio.get_running_loop()
        again.call_later(wait, lambda: again.create_task(self._resend(pending)))

    async def _resend(self, pending: _Pending) -> None:
        if self._ready and not pending.done.done():
            pending.sent_at = _now()
            await _write(self._ready, pending.frame)

    def _note(self, frame: dict[str, Any], first: asyncio.Future[int], healthy: asyncio.Event) -> None:
        """A frame of the system socket."""
        payload = frame["payload"]
        if frame["format"].endswith("AgentsHealthReport"):
            self.health = HealthReport(agents=payload["agents"], guild_health=payload["guild_health"])
            if not first.done():
                first.set_result(int(frame["id"]))
            if payload["guild_health"] in ("ok", "warning", "backlogged", "error"):
                healthy.set()
            if self.on_health:
                self.on_health(self.health)
        elif frame["format"] == "Participants":
            self.participants = payload["participants"]
            if self.on_participants:
                self.on_participants(self.participants)
        elif frame["format"] == "guildhall.Event" and self.on_event:
            self.on_event(payload)

    def _closed(self) -> GuildhallError:
        return self._error or GuildhallError("the chat is closed", code="closed")


def _unhealthy(report: HealthReport) -> GuildhallError:
    """The error of a guild that cannot start, with what its agents say."""
    failed = {id: agent for id, agent in report["agents"].items() if agent.get("checkstatus") == "error"}
    texts = [f"{id}: {agent.get('checkmeta', {}).get('detail', 'error')}" for id, agent in failed.items()]
    return GuildhallError(f"the guild is in error: {'; '.join(texts)}", code="guild_error", body=dict(report))


async def _read(socket: ClientConnection, take: Callable[[dict[str, Any]], None]) -> None:
    """Reads a socket. Raises ``_Lost`` when it has ended."""
    try:
        while True:
            take(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        raise _Lost(code, reason, True) from None


async def _write(socket: ClientConnection, frame: Mapping[str, Any]) -> None:
    """Writes a frame. On a socket that is lost it goes nowhere; it is sent again on the next one."""
    try:
        await socket.send(json.dumps(frame, ensure_ascii=False))
    except ConnectionClosed:
        pass


async def _unless_lost(wanted: Awaitable[Any], readers: list[asyncio.Task[None]]) -> Any:
    """Waits for something while sockets are read; raises ``_Lost`` if one is lost first."""
    waiting = asyncio.ensure_future(wanted)
    try:
        await asyncio.wait([waiting, *readers], return_when=asyncio.FIRST_COMPLETED)
        for reader in readers:
            if reader.done():
                reader.result()
        return waiting.result()
    finally:
        waiting.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _part(text: str) -> str:
    return quote(text, safe="")
