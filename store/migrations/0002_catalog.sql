-- What is said of blueprints by others than their authors, and the boards of guilds.

-- How a blueprint was exposed before it was shared: sharing takes nothing away.
ALTER TABLE blueprints ADD COLUMN shared_from TEXT;
-- Icons come one by one and have a table of their own.
ALTER TABLE blueprints DROP COLUMN agent_icons;
CREATE INDEX blueprints_author ON blueprints (author_id, position);
CREATE INDEX blueprints_organization ON blueprints (organization_id, position);
CREATE INDEX blueprints_category ON blueprints (category_id, position);
CREATE INDEX blueprint_shares_organization ON blueprint_shares (organization_id);
CREATE INDEX categories_name ON categories (name);
CREATE INDEX guilds_organization ON guilds (organization_id, position);
CREATE INDEX guild_users_user ON guild_users (user_id);

CREATE TABLE blueprint_icons (
    blueprint_id TEXT NOT NULL REFERENCES blueprints (id),
    agent_name TEXT NOT NULL,
    icon TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (blueprint_id, agent_name)
);

CREATE TABLE blueprint_reviews (
    id TEXT NOT NULL PRIMARY KEY,
    blueprint_id TEXT NOT NULL REFERENCES blueprints (id),
    user_id TEXT NOT NULL,
    rating BIGINT NOT NULL,
    review TEXT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX blueprint_reviews_blueprint ON blueprint_reviews (blueprint_id, position);

CREATE TABLE boards (
    id TEXT NOT NULL PRIMARY KEY,
    guild_id TEXT NOT NULL REFERENCES guilds (id),
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    is_private BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX boards_guild ON boards (guild_id, position);

CREATE TABLE board_messages (
    board_id TEXT NOT NULL REFERENCES boards (id),
    message_id TEXT NOT NULL,
    PRIMARY KEY (board_id, message_id)
);
