-- Tokens for programs, rotation of browser sessions, and what the audit trail needs to be shipped and shortened.

-- Moves with every change that may alter what somebody may do; other servers look at it.
INSERT INTO counter (name, value) VALUES ('rights', 0);

-- 'browser': known by a cookie. 'token': a family of refresh tokens; its token_hash belongs to no token.
ALTER TABLE session ADD COLUMN kind TEXT NOT NULL DEFAULT 'browser' CHECK (kind IN ('browser', 'token'));
-- What the person could do when the cookie was made; another value asks for a new cookie.
ALTER TABLE session ADD COLUMN rights TEXT;
-- The cookie before the present one, still good for requests that were under way.
ALTER TABLE session ADD COLUMN old_token_hash BYTEA;
ALTER TABLE session ADD COLUMN old_until BIGINT;
CREATE UNIQUE INDEX session_old_token_hash ON session (old_token_hash);

CREATE TABLE refresh_token (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- A used one stays as long as its family, so that its return is noticed.
    used_at BIGINT
);
CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

-- Ed25519 keys of this installation. The private half is a sealed row in "secret".
CREATE TABLE signing_key (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('access', 'audit')),
    public_key BYTEA NOT NULL,
    secret_id TEXT NOT NULL REFERENCES secret (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX signing_key_purpose ON signing_key (purpose, id);

-- Signed statements "this chain was here": what makes a rewritten chain differ from what was shipped.
CREATE TABLE audit_checkpoint (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- Where a chain begins after its oldest entries were let go by policy.
CREATE TABLE audit_anchor (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL
);
