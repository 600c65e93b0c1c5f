-- Which guilds were launched from a blueprint is asked before it is removed.
CREATE INDEX guilds_blueprint ON guilds (blueprint_id);
-- The key and the body with which a client had something made once: two digests with a space between them.
ALTER TABLE guilds ADD COLUMN request TEXT;
ALTER TABLE blueprints ADD COLUMN request TEXT;
