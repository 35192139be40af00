-- From where a key may be used: JSON array of networks; empty is from everywhere.
ALTER TABLE api_key ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';
