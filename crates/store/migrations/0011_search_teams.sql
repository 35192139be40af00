-- Teams are found, too: what is there already is filled anew by the server, and an empty database needs no filling.
UPDATE counter SET value = 2
    WHERE name = 'search' AND value = 1 AND NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM event);
