-- The foundation: one dialect for SQLite and PostgreSQL. Columns are TEXT, BIGINT, DOUBLE PRECISION, BOOLEAN and BYTEA only;
-- times are BIGINT milliseconds, JSON is TEXT, ids are TEXT. "users" is plural because USER is a reserved word.

-- Sequence numbers without gaps.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('event', 0);

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'deactivated')),
    is_platform_admin BOOLEAN NOT NULL,
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT,
    user_agent TEXT
);
CREATE UNIQUE INDEX session_token_hash ON session (token_hash);
CREATE INDEX session_person ON session (user_id, id);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE workspace (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX workspace_slug ON workspace (slug);

CREATE TABLE member (
    workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX member_user ON member (user_id);

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    prefix TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    -- JSON array of capabilities.
    capabilities TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('all', 'workspace', 'only')),
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    -- JSON array of ids, for the scope "only".
    only_ids TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    last_used_from TEXT
);
CREATE UNIQUE INDEX api_key_token_hash ON api_key (token_hash);
CREATE UNIQUE INDEX api_key_label ON api_key (user_id, label);
CREATE INDEX api_key_workspace ON api_key (workspace_id, id);

-- Attempts to sign in, per account and per address. "subject" says which: "account:ada@example.org", "address:192.0.2.1".
CREATE TABLE throttle (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);
CREATE INDEX throttle_last ON throttle (last_at);

CREATE TABLE node (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT REFERENCES workspace (id),
    -- The workspace's id, or "platform": NULL would make two shared nodes with one name possible.
    home TEXT NOT NULL,
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    facts TEXT NOT NULL,
    is_draining BOOLEAN NOT NULL,
    desired_seq BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    seen_at BIGINT
);
CREATE UNIQUE INDEX node_name ON node (home, name);
CREATE UNIQUE INDEX node_public_key ON node (public_key);
CREATE INDEX node_workspace ON node (workspace_id, id);

CREATE TABLE join_token (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    token_hash BYTEA NOT NULL,
    label TEXT,
    created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    node_id TEXT REFERENCES node (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX join_token_hash ON join_token (token_hash);
CREATE INDEX join_token_workspace ON join_token (workspace_id, id);

CREATE TABLE workload (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The name in lower case: unique in its workspace, and what searches look at.
    name_key TEXT NOT NULL,
    spec TEXT NOT NULL,
    node_id TEXT REFERENCES node (id),
    power TEXT NOT NULL CHECK (power IN ('on', 'off', 'absent')),
    is_forced BOOLEAN NOT NULL,
    restart BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    -- JSON object: host port by name. The rows in "port" are what keeps them unique.
    ports TEXT NOT NULL,
    memory_bytes BIGINT NOT NULL,
    cpu_millis BIGINT NOT NULL,
    report TEXT,
    report_seq BIGINT NOT NULL,
    observed_generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX workload_name ON workload (workspace_id, name_key);
CREATE INDEX workload_workspace ON workload (workspace_id, id);
CREATE INDEX workload_node ON workload (node_id, id);

CREATE TABLE port (
    node_id TEXT NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    port BIGINT NOT NULL,
    workload_id TEXT NOT NULL REFERENCES workload (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (node_id, port)
);
CREATE INDEX port_workload ON port (workload_id);

CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT REFERENCES workspace (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    input TEXT NOT NULL,
    outputs TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'unwinding', 'succeeded', 'failed', 'cancelled')),
    is_final BOOLEAN NOT NULL,
    step TEXT,
    progress BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    is_cancel_asked BOOLEAN NOT NULL,
    error TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- Who works on it, until when, and how often it has been taken: an older fence may not write any more.
    lease_owner TEXT,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    lines BIGINT NOT NULL
);
CREATE INDEX job_due ON job (is_final, due_at, id);
CREATE INDEX job_workspace ON job (workspace_id, id);
CREATE INDEX job_target ON job (target, id);

CREATE TABLE job_line (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE event (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    workspace_id TEXT,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    fact TEXT NOT NULL,
    actor TEXT NOT NULL
);
CREATE INDEX event_workspace ON event (workspace_id, seq);
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_at ON event (at);

-- The newest link of each audit chain: one per workspace, and "platform".
CREATE TABLE chain (
    name TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    workspace_id TEXT,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_label TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    request_id TEXT,
    address TEXT,
    user_agent TEXT,
    details TEXT,
    hash TEXT NOT NULL,
    previous TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_chain ON audit (chain, seq);
CREATE INDEX audit_actor ON audit (actor_id, id);
CREATE INDEX audit_target ON audit (target_id, id);

CREATE TABLE secret (
    id TEXT NOT NULL PRIMARY KEY,
    -- The id of the thing that the secret belongs to; sealed into the value, so that it cannot be moved to another.
    owner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX secret_owner ON secret (owner);
CREATE INDEX secret_key ON secret (key_id);

CREATE TABLE idempotency (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- NULL while the first request is under way.
    status BIGINT,
    body TEXT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);
