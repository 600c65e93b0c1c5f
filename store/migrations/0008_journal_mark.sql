-- The journal that belongs to this store, and the largest id that it has had.
CREATE TABLE journal_mark (
    id BIGINT PRIMARY KEY,
    identity TEXT NOT NULL,
    last BIGINT NOT NULL
);
