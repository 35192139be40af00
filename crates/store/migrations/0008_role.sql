-- Roles of a workspace's own, and teams.

CREATE TABLE role (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- The name in lower case: the form in which it is unique.
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    -- JSON array of capabilities.
    capabilities TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX role_name ON role (workspace_id, name_key);

-- Whoever has a custom role has "viewer" in the column beside it, which then means nothing: it is not an owner's.
-- A role that somebody has cannot go.
ALTER TABLE member ADD COLUMN role_id TEXT REFERENCES role (id);
CREATE INDEX member_role ON member (role_id);
-- Invitations that are over do not hold a role back; those that are open are looked at before.
ALTER TABLE invite ADD COLUMN role_id TEXT REFERENCES role (id) ON DELETE SET NULL;
CREATE INDEX invite_role ON invite (role_id);

CREATE TABLE team (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Null when the team gives nothing; as in "member" when there is a role_id.
    role TEXT CHECK (role IN ('viewer', 'member', 'admin', 'owner')),
    role_id TEXT REFERENCES role (id),
    -- The role holds everywhere in the workspace, not only on the team's resources.
    is_wide BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX team_name ON team (workspace_id, name_key);
CREATE INDEX team_role ON team (role_id);

-- Only members of the workspace: who leaves it leaves its teams.
CREATE TABLE team_member (
    team_id TEXT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, user_id) ON DELETE CASCADE
);
CREATE INDEX team_member_user ON team_member (user_id);
CREATE INDEX team_member_member ON team_member (workspace_id, user_id);

-- What a team's role is confined to. What is deleted leaves the list.
CREATE TABLE team_resource (
    team_id TEXT NOT NULL REFERENCES team (id) ON DELETE CASCADE,
    resource_id TEXT NOT NULL,
    node_id TEXT REFERENCES node (id) ON DELETE CASCADE,
    workload_id TEXT REFERENCES workload (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, resource_id)
);
CREATE INDEX team_resource_node ON team_resource (node_id);
CREATE INDEX team_resource_workload ON team_resource (workload_id);
