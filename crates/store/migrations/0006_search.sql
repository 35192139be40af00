-- Search: what is searchable, and the words that it is found by. Both are written in the transaction of the change itself.

CREATE TABLE search_doc (
    doc BYTEA NOT NULL PRIMARY KEY,
    -- What has to be readable for it to be found: a kind, or "event." and a kind.
    shelf TEXT NOT NULL,
    -- A workspace's id, a person's id, or "platform".
    home TEXT NOT NULL,
    -- The id that facts about it name; NULL for events, which never change.
    cause TEXT,
    -- The id that access is decided on.
    subject TEXT NOT NULL,
    workspace_id TEXT,
    owner_id TEXT,
    title TEXT NOT NULL,
    subtitle TEXT NOT NULL,
    more TEXT NOT NULL
);
CREATE INDEX search_doc_cause ON search_doc (shelf, cause);
CREATE INDEX search_doc_subject ON search_doc (subject, doc);
CREATE INDEX search_doc_workspace ON search_doc (workspace_id);

-- Bytes and not text: both databases compare bytes alike, whatever the language of the database.
CREATE TABLE search_word (
    doc BYTEA NOT NULL REFERENCES search_doc (doc) ON DELETE CASCADE,
    word BYTEA NOT NULL,
    home TEXT NOT NULL,
    shelf TEXT NOT NULL,
    sort BYTEA NOT NULL,
    PRIMARY KEY (doc, word)
);
CREATE INDEX search_word_home ON search_word (home, word, sort, doc);
CREATE INDEX search_word_shelf ON search_word (home, shelf, word, sort, doc);
CREATE INDEX search_word_anywhere ON search_word (shelf, word, sort, doc);

-- What the thing was called when it happened: it may have another name now, or be gone.
ALTER TABLE event ADD COLUMN about TEXT;

-- In which form the index is written; another one than the program's asks for filling it anew. A new database needs no filling.
INSERT INTO counter (name, value)
    SELECT 'search', CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM event) THEN 0 ELSE 1 END;
