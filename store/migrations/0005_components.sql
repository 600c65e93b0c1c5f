-- Names of components beside their digests, and what blueprints were made with.

-- Why a component was refused, for programs: `{"code", "context"}`.
ALTER TABLE components ADD COLUMN refusal TEXT;

-- A name and version means one digest for ever, also after its component is gone.
CREATE TABLE component_names (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE INDEX component_names_digest ON component_names (digest);

-- The digests of the components that served the classes of a blueprint when it was made.
ALTER TABLE blueprints ADD COLUMN pins TEXT NOT NULL DEFAULT '{}';
