-- The installation proves itself to its nodes with a key of its own. A CHECK cannot be widened in both dialects, so the table is
-- made once more.
CREATE TABLE signing_key_next (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('access', 'audit', 'link')),
    public_key BYTEA NOT NULL,
    secret_id TEXT NOT NULL REFERENCES secret (id),
    created_at BIGINT NOT NULL
);
INSERT INTO signing_key_next (id, purpose, public_key, secret_id, created_at)
    SELECT id, purpose, public_key, secret_id, created_at FROM signing_key;
DROP TABLE signing_key;
ALTER TABLE signing_key_next RENAME TO signing_key;
CREATE INDEX signing_key_purpose ON signing_key (purpose, id);

-- Which machine is the node: the lease that was handed to its agent's present process, and the one before.
ALTER TABLE node ADD COLUMN lease TEXT;
ALTER TABLE node ADD COLUMN lease_before TEXT;
ALTER TABLE node ADD COLUMN lease_is_stored BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE node ADD COLUMN lease_boot BYTEA;
-- When and from where another machine showed this node's key last.
ALTER TABLE node ADD COLUMN conflict_at BIGINT;
ALTER TABLE node ADD COLUMN conflict_from TEXT;
