-- Invites, resets of passwords, what people prefer, and mail that waits to be sent.

CREATE TABLE invite (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The place that comes with it, if any.
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    role TEXT,
    token_hash BYTEA NOT NULL,
    -- Whoever invited must still be allowed to give that place when it is taken.
    invited_by TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX invite_token_hash ON invite (token_hash);
CREATE INDEX invite_user ON invite (user_id, id);
CREATE INDEX invite_workspace ON invite (workspace_id, id);
CREATE INDEX invite_expires ON invite (expires_at);

CREATE TABLE password_reset (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX password_reset_user ON password_reset (user_id);
CREATE INDEX password_reset_expires ON password_reset (expires_at);

CREATE TABLE preference (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    timezone TEXT,
    critical_mail BOOLEAN NOT NULL,
    enrollment_mail BOOLEAN NOT NULL
);

-- What a mail says is a sealed row in "secret": it may hold a link that is as good as a password.
CREATE TABLE mail (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    secret_id TEXT NOT NULL REFERENCES secret (id),
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- Not sent by then, it is of no use any more.
    expires_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    error TEXT
);
CREATE INDEX mail_due ON mail (due_at, id);
CREATE INDEX mail_secret ON mail (secret_id);
