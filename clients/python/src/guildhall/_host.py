"""The REST API of a host."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from ._chat import Chat, Message
from ._errors import GuildhallError


def connect(url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 60.0) -> Host:
    """A host. Use it as ``async with connect(url) as host``. The first request shows whether it is there.

    ``headers`` go with every request and every socket; ``timeout`` is for one request, in seconds.
    """
    return Host(url, headers=headers, timeout=timeout)


class Host(AbstractAsyncContextManager["Host"]):
    """A host, over REST."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self.headers = dict(headers or {})
        self._http = httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections for REST. Chats stay open."""
        await self._http.aclose()

    async def send(self, verb: str, path: str, **options: Any) -> httpx.Response:
        """Sends a request with the options of ``httpx`` (``params``, ``json``, ``content``, ``files``, ``headers``).

        Raises ``GuildhallError`` for an answer that is no success, and ``httpx.TransportError`` without an answer.
        """
        answer = await self._http.request(verb, path, **options)
        if answer.is_error:
            raise GuildhallError.of_answer(answer)
        return answer

    async def request(self, verb: str, path: str, **options: Any) -> Any:
        """Sends any request of the API, as ``/docs`` of the host describes it, and returns its JSON."""
        answer = await self.send(verb, path, **options)
        return answer.json() if answer.content else None

    async def launch(
        self,
        blueprint: str,
        *,
        user: str,
        org: str,
        name: str = "guild",
        description: str | None = None,
        configuration: Mapping[str, Any] | None = None,
    ) -> Guild:
        """Launches a guild from a blueprint of the catalog."""
        body: dict[str, Any] = {"guild_name": name, "user_id": user, "org_id": org}
        if description is not None:
            body["description"] = description
        if configuration is not None:
            body["configuration"] = dict(configuration)
        created = await self.request("POST", f"/catalog/blueprints/{_part(blueprint)}/guilds", json=body)
        return self.guild(created["id"])

    async def create(self, spec: Mapping[str, Any], *, org: str) -> Guild:
        """Launches a guild from a spec."""
        created = await self.request("POST", "/api/guilds", json={"spec": dict(spec), "org_id": org})
        return self.guild(created["id"])

    def guild(self, id: str) -> Guild:
        """A guild by its id. Sends nothing."""
        return Guild(self, id)

    async def upload_component(
        self, component: bytes | Path, *, name: str | None = None, version: str | None = None, bind: bool = False
    ) -> dict[str, Any]:
        """Uploads a component and waits until it is compiled."""
        content = component.read_bytes() if isinstance(component, Path) else component
        given = {"name": name, "version": version, "bind": "1" if bind else None}
        params = {key: value for key, value in given.items() if value is not None}
        headers = {"content-type": "application/wasm"}
        shown = await self.request("POST", "/catalog/components", params=params, content=content, headers=headers)
        while shown["state"] == "compiling":
            shown = await self.request("GET", f"/catalog/components/{_part(shown['digest'])}", params={"wait": 30})
        return dict(shown)


class Guild:
    """A guild of a host."""

    def __init__(self, host: Host, id: str) -> None:
        self.host = host
        self.id = id

    def __repr__(self) -> str:
        return f"<Guild {self.id} of {self.host.url}>"

    @property
    def path(self) -> str:
        """The path of the guild over REST."""
        return f"/api/guilds/{_part(self.id)}"

    def chat(
        self, user: str, *, name: str | None = None, after: int | None = None, events: bool = False, say: str | None = None
    ) -> Chat:
        """The conversation of a user with the guild.

        ``async with guild.chat("ann") as chat`` joins and waits until the guild is ready; ``async for message in
        guild.chat("ann", say="Hello")`` joins, says something and reads. ``after`` begins after this message instead of
        now; 0 begins with the oldest that is kept.
        """
        return Chat(self, user, name=name, after=after, events=events, say=say)

    async def details(self) -> dict[str, Any]:
        """The spec of the guild and its status."""
        return dict(await self.host.request("GET", self.path))

    async def stop(self) -> None:
        """Stops the guild. It keeps its messages, states, files and users."""
        await self.host.request("POST", f"{self.path}/stop")

    async def start(self) -> None:
        """Starts the guild again."""
        await self.host.request("POST", f"{self.path}/start")

    async def history(self, user: str, *, after: int = 0, page: int = 100) -> AsyncIterator[Message]:
        """The messages that a user sent and received, oldest first, read page by page."""
        url: str | None = f"{self.path}/{_part(user)}/messages?after={after}&limit={page}"
        while url is not None:
            answer = await self.host.send("GET", url)
            for message in answer.json():
                yield Message(message)
            following = answer.links.get("next")
            url = str(answer.url.join(following["url"])) if following else None

    async def upload(
        self, file: bytes | Path, name: str | None = None, *, meta: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Uploads a file of the guild. A path has its own name."""
        content = file.read_bytes() if isinstance(file, Path) else file
        name = name or (file.name if isinstance(file, Path) else "file")
        data = {"file_meta": json.dumps(dict(meta))} if meta else {}
        return dict(await self.host.request("POST", f"{self.path}/files/", files={"file": (name, content)}, data=data))

    async def files(self) -> list[dict[str, Any]]:
        """The files of the guild."""
        return list(await self.host.request("GET", f"{self.path}/files/"))

    async def download(self, name: str) -> bytes:
        """The bytes of a file."""
        return (await self.host.send("GET", f"{self.path}/files/{_part(name)}")).content


def _part(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")
