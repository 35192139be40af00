-- Which workload hosts which worker of matches. A worker has one host at most.
CREATE TABLE match_host (
    workload_id TEXT NOT NULL PRIMARY KEY REFERENCES workload (id) ON DELETE CASCADE,
    worker BIGINT NOT NULL,
    -- The key that the worker wants from the platform, sealed.
    secret_id TEXT NOT NULL
);
CREATE UNIQUE INDEX match_host_worker ON match_host (worker);

-- Why a match ended without an archive.
ALTER TABLE game_match ADD COLUMN lost TEXT CHECK (lost IN ('host_deleted', 'missing'));
