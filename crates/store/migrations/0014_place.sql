-- The weakest isolation with which the node's owner lets processes run there.
ALTER TABLE node ADD COLUMN min_isolation TEXT NOT NULL DEFAULT 'shared_network'
    CHECK (min_isolation IN ('none', 'shared_network', 'full'));

-- Ports of a node that a foreign program held when a workload was to get them. A number is leased for both protocols, so it
-- is remembered for both. Rows that are old enough are deleted when the next port is given out.
CREATE TABLE port_taken (
    node_id TEXT NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    port BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (node_id, port)
);
