"""Uses a client that ``openapi-python-client`` generated: python generated_client.py URL COMPONENT."""

import sys
from io import BytesIO
from pathlib import Path

from guildhall_client import Client
from guildhall_client.api.components import upload_component
from guildhall_client.api.files import get_file_for_guild, upload_file_for_guild
from guildhall_client.api.guilds import create_guild, get_guild_details_by_id
from guildhall_client.models import LaunchGuildReq, UploadForm
from guildhall_client.types import File

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
component = upload_component.sync(client=client, body=File(payload=BytesIO(Path(sys.argv[2]).read_bytes())))
assert component and component.digest.startswith("sha256:"), component

request = LaunchGuildReq.from_dict(
    {
        "org_id": "acme",
        "spec": {
            "name": "Hostile",
            "description": "A guild of the tests",
            "agents": [
                {
                    "name": "Echo",
                    "description": "Says everything again",
                    "class_name": "rustic_ai.core.agents.testutils.echo_agent.EchoAgent",
                }
            ],
            "dependency_map": {"filesystem": {"class_name": "files"}},
        },
    }
)
created = create_guild.sync(client=client, body=request)
assert created and created.id, created
shown = get_guild_details_by_id.sync(created.id, client=client)
assert shown and shown.id == created.id, shown

form = UploadForm(file=File(payload=BytesIO(b"some notes"), file_name="notes.md"))
stored = upload_file_for_guild.sync(created.id, client=client, body=form)
assert stored and stored.content_length == 10, stored
read = get_file_for_guild.sync(created.id, "notes.md", client=client)
assert read and read.payload.read() == b"some notes", read
