-- Strong sign-in: second factors, who demands them, and sign-in by other parties.

CREATE TABLE factor (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('totp', 'passkey')),
    label TEXT NOT NULL,
    -- Begun, and no code has been entered yet.
    is_pending BOOLEAN NOT NULL,
    -- TOTP: its secret, and the step of the last code that was accepted, so that none is accepted twice.
    secret_id TEXT REFERENCES secret (id),
    last_step BIGINT,
    -- Passkey: its name and its public key (COSE), and the last count that it showed.
    credential_id BYTEA,
    public_key BYTEA,
    sign_count BIGINT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX factor_user ON factor (user_id, id);
CREATE UNIQUE INDEX factor_credential ON factor (credential_id);
-- One authenticator app per person, and one being set up.
CREATE UNIQUE INDEX factor_totp ON factor (user_id, is_pending) WHERE kind = 'totp';

-- A used code is gone.
CREATE TABLE recovery_code (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Half a sign-in: the first factor was right, the second is awaited.
CREATE TABLE factor_challenge (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    wants_tokens BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX factor_challenge_user ON factor_challenge (user_id);
CREATE INDEX factor_challenge_expires ON factor_challenge (expires_at);

-- When the person of a session last proved who they are, for what needs more than an old cookie.
CREATE TABLE session_proof (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    proven_at BIGINT NOT NULL
);

-- Sealed tickets that have done their work and must not do it again before they expire.
CREATE TABLE spent (
    ticket_hash BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_expires ON spent (expires_at);

-- Who demands a second factor: "platform", or a workspace's id.
CREATE TABLE factor_requirement (
    scope TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    since BIGINT NOT NULL,
    grace_ms BIGINT NOT NULL
);
CREATE INDEX factor_requirement_workspace ON factor_requirement (workspace_id);

CREATE TABLE provider (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    preset TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret_id TEXT REFERENCES secret (id),
    -- JSON arrays of texts.
    scopes TEXT NOT NULL,
    domains TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    trusts_email BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX provider_slug ON provider (slug);

-- Who somebody is at a provider. Goes with the provider and with the person.
CREATE TABLE identity (
    provider_id TEXT NOT NULL REFERENCES provider (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (provider_id, issuer, subject)
);
-- One subject per person and provider: another one with the same address is another person.
CREATE UNIQUE INDEX identity_person ON identity (provider_id, user_id);
CREATE INDEX identity_user ON identity (user_id);
