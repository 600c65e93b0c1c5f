"""Uses the Python client as it was built: python python_client.py URL DIGEST. The caller kills the host (``KILLED?``) and
starts it again (``RUNNING?``)."""

import asyncio
import sys

import guildhall
from guildhall import Chat, GuildhallError, connect

URL, DIGEST = sys.argv[1:3]
HOSTILE = {
    "name": "Hostile",
    "description": "A guild of the tests",
    "agents": [
        {
            "name": "Hostile",
            "description": "Misbehaves when told to",
            "class_name": "guildhall.tests.HostileAgent",
            "component": DIGEST,
        }
    ],
}
ECHO = {
    "name": "Echo",
    "description": "A guild of the tests",
    "agents": [
        {
            "name": "EchoAgent",
            "description": "Echoes",
            "class_name": "rustic_ai.core.agents.testutils.echo_agent.EchoAgent",
            "additional_topics": ["echo_topic"],
            "listen_to_default_topic": False,
        }
    ],
    "dependency_map": {"filesystem": {"class_name": "a.b"}},
}


async def ask(question: str) -> None:
    print(question, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def failure(work) -> GuildhallError:
    try:
        await work
    except GuildhallError as error:
        return error
    raise AssertionError("it should have failed")


async def answers_progress_and_errors(host: guildhall.Host) -> None:
    guild = await host.create(HOSTILE, org="acme")
    async with guild.chat("ann", name="Ann", events=True) as chat:
        assert chat.health and chat.health["guild_health"] == "ok"
        sent = await chat.send("hello")
        async for message in chat:
            assert (message.text, message.in_response_to) == ("ok: hello", sent.id), message
            break
        progress: list[str] = []
        answer = await chat.ask("progress 3", on_progress=lambda message: progress.append(message.text))
        assert (answer.text, len(progress), answer.is_progress) == ("progressed 3", 3, False)
        assert (await failure(chat.send({"format": "text", "payload": [1]}))).code == "invalid_payload"
        large = await failure(chat.send("x" * (3 << 20)))
        assert (large.code, large.setting) == ("frame_too_large", "limits.frame_bytes"), large
        assert (await chat.ask("still here")).text == "ok: still here"
        unknown = await failure(host.guild("no-such-guild").details())
        assert (unknown.code, unknown.status) == ("guild_not_found", 404)
        assert (await failure(host.guild("no-such-guild").chat("ann").__aenter__())).code == "guild_not_found"
        over = await failure(chat.ask("eat"))
        assert over.code == "memory" and over.limit and (over.setting or "").startswith("sandbox."), vars(over)
        try:
            await asyncio.wait_for(chat.ask("spin-until-cancelled"), 0.2)
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("a question that is given up")
    assert (await failure(chat.send("too late"))).code == "closed"
    async for message in guild.chat("cem", say="at once"):
        assert message.text == "ok: at once", message
        break
    print("ok: answers, progress, errors", flush=True)


async def no_gap_and_nothing_twice(host: guildhall.Host) -> None:
    guild = await host.create(ECHO, org="acme")
    heard: list[str] = []

    async def read(chat: Chat) -> None:
        async for message in chat:
            heard.append(message.text)

    async with guild.chat("bob", name="Bob") as chat:
        reading = asyncio.create_task(read(chat))

        async def send(start: int, end: int) -> set[int]:
            return {sent.id for sent in await asyncio.gather(*(chat.send(f"text {n}") for n in range(start, end)))}

        ids = await send(0, 100)
        first = asyncio.create_task(send(100, 120))
        await ask("KILLED?")
        late = asyncio.create_task(send(120, 140))
        await asyncio.sleep(0)
        await ask("RUNNING?")
        ids |= await first | await late | await send(140, 150)
        async with asyncio.timeout(30):
            while len(heard) < 150:
                await asyncio.sleep(0.02)
        assert heard == [f"Echo: text {n}" for n in range(150)], heard
        assert len(ids) == 150
        print("ok: kill and restart, no gap, nothing twice", flush=True)

        history = [message.text async for message in guild.history("bob", page=64)]
        assert len(history) == 300, len(history)
        assert (await guild.upload(b"notes", "notes.md", meta={"by": "bob"}))["filename"] == "notes.md"
        assert await guild.download("notes.md") == b"notes"
        assert [file["name"] for file in await guild.files()] == ["notes.md"]
        assert [one["name"] for one in chat.participants if one["type"] == "human"] == ["Bob"]
        await guild.stop()
        await reading
    assert (await failure(guild.chat("bob").__aenter__())).code == "guild_stopped"
    print("ok: history, files, participants, stop", flush=True)


async def main() -> None:
    async with connect(URL) as host:
        await answers_progress_and_errors(host)
        await no_gap_and_nothing_twice(host)


asyncio.run(main())
