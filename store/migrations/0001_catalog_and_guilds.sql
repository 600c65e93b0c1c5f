-- One set for SQLite and PostgreSQL: columns are TEXT or BIGINT, JSON is TEXT,
-- times are milliseconds since 1970, `position` keeps the order of creation.

CREATE TABLE components (
    digest TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    state TEXT NOT NULL,
    class_name TEXT,
    name TEXT,
    version TEXT,
    summary TEXT,
    description TEXT NOT NULL,
    imports TEXT NOT NULL,
    reason TEXT,
    created_ms BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX components_position ON components (position);

CREATE TABLE agent_classes (
    class_name TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    properties_schema TEXT NOT NULL,
    handlers TEXT NOT NULL,
    dependencies TEXT NOT NULL,
    component TEXT,
    position BIGINT NOT NULL
);
CREATE INDEX agent_classes_position ON agent_classes (position);

CREATE TABLE categories (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX categories_position ON categories (position);

CREATE TABLE blueprints (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    version TEXT NOT NULL,
    exposure TEXT NOT NULL,
    author_id TEXT NOT NULL,
    organization_id TEXT,
    category_id TEXT,
    icon TEXT,
    intro_msg TEXT,
    spec TEXT NOT NULL,
    tags TEXT NOT NULL,
    commands TEXT NOT NULL,
    starter_prompts TEXT NOT NULL,
    agent_icons TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX blueprints_position ON blueprints (position);

CREATE TABLE blueprint_tags (
    tag TEXT NOT NULL,
    blueprint_id TEXT NOT NULL REFERENCES blueprints (id),
    PRIMARY KEY (tag, blueprint_id)
);

CREATE TABLE blueprint_shares (
    blueprint_id TEXT NOT NULL REFERENCES blueprints (id),
    organization_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (blueprint_id, organization_id)
);

CREATE TABLE guilds (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    blueprint_id TEXT,
    status TEXT NOT NULL,
    spec TEXT NOT NULL,
    document TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE INDEX guilds_position ON guilds (position);

CREATE TABLE guild_users (
    guild_id TEXT NOT NULL REFERENCES guilds (id),
    user_id TEXT NOT NULL,
    PRIMARY KEY (guild_id, user_id)
);

CREATE TABLE guild_agents (
    guild_id TEXT NOT NULL REFERENCES guilds (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    spec TEXT NOT NULL,
    user_id TEXT,
    position BIGINT NOT NULL,
    PRIMARY KEY (guild_id, id)
);
