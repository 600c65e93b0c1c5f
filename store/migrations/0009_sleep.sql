-- Guilds that sleep: no host has a task for them until they are needed. `sleep` is JSON, and NULL while a guild is awake.
ALTER TABLE guilds ADD COLUMN sleep TEXT;

-- A start reads only the guilds that are awake, and a count of those that sleep reads only them.
CREATE INDEX guilds_awake ON guilds (position, id) WHERE sleep IS NULL AND status <> 'stopped';
CREATE INDEX guilds_asleep ON guilds (position) WHERE sleep IS NOT NULL;
