"""A client of a Guildhall host: REST over httpx, chats over websockets. Everything is async and typed."""

from ._chat import Chat, HealthReport, Message, Participant, Sent
from ._errors import GuildhallError
from ._host import Guild, Host, connect

__all__ = [
    "Chat",
    "Guild",
    "GuildhallError",
    "HealthReport",
    "Host",
    "Message",
    "Participant",
    "Sent",
    "connect",
]
