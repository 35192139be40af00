-- Programs that make matches. The key itself is never here, only its SHA-256.
CREATE TABLE bot (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    -- JSON array of titles; empty is all.
    titles TEXT NOT NULL,
    -- Zero is no limit.
    per_minute BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX bot_token_hash ON bot (token_hash);
CREATE UNIQUE INDEX bot_name ON bot (workspace_id, name);

-- Matches, without their turns: those are in the folders of the workers.
CREATE TABLE game_match (
    id TEXT NOT NULL PRIMARY KEY,
    -- Time and id in one text: the order of lists.
    place TEXT NOT NULL,
    -- NULL: the platform's own bot made it.
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    maker TEXT NOT NULL CHECK (maker IN ('bot', 'platform', 'user')),
    -- No reference: the match stays when its maker goes.
    maker_id TEXT,
    made_by TEXT NOT NULL,
    worker BIGINT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('lobby', 'active', 'finished')),
    players BIGINT NOT NULL,
    turns BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE UNIQUE INDEX game_match_place ON game_match (place);
CREATE INDEX game_match_workspace ON game_match (workspace_id, place);
CREATE INDEX game_match_phase ON game_match (phase, place);
