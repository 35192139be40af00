-- What a workspace's people mean by nine o'clock, and since when it is archived: can be read, and nothing in it changed.
ALTER TABLE workspace ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE workspace ADD COLUMN archived_at BIGINT;

-- What is meant when a person names no workspace.
ALTER TABLE users ADD COLUMN default_workspace_id TEXT REFERENCES workspace (id) ON DELETE SET NULL;

-- How often a key may be used; as often as anybody, when it is null.
ALTER TABLE api_key ADD COLUMN requests_per_minute BIGINT;
