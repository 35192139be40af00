-- What an invitation promises belongs to it, and an invited person holds nothing. Addresses that have proved themselves.

-- What the inviter calls the person, and what else comes with accepting it.
ALTER TABLE invite ADD COLUMN name TEXT;
ALTER TABLE invite ADD COLUMN is_platform_admin BOOLEAN NOT NULL DEFAULT FALSE;
-- It went to the address by mail: accepting it shows that the address is theirs.
ALTER TABLE invite ADD COLUMN is_mailed BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE password_reset ADD COLUMN is_mailed BOOLEAN NOT NULL DEFAULT FALSE;

-- What was written on people who have not accepted yet moves to their open invitations to the platform, or ends.
UPDATE invite SET is_platform_admin = TRUE
    WHERE workspace_id IS NULL AND accepted_at IS NULL AND revoked_at IS NULL
        AND user_id IN (SELECT id FROM users WHERE state = 'invited' AND is_platform_admin = TRUE);
UPDATE invite SET name = (SELECT u.name FROM users u WHERE u.id = invite.user_id);
DELETE FROM search_doc WHERE shelf = 'member' AND cause IN (SELECT id FROM users WHERE state = 'invited');
DELETE FROM member WHERE user_id IN (SELECT id FROM users WHERE state = 'invited');
DELETE FROM identity WHERE user_id IN (SELECT id FROM users WHERE state = 'invited');
DELETE FROM api_key WHERE user_id IN (SELECT id FROM users WHERE state = 'invited');
UPDATE users SET is_platform_admin = FALSE, password_hash = NULL WHERE state = 'invited';

-- When the address proved itself, by a mail or by a provider that is trusted with its domain. People who are here already count
-- as proven: nothing is known of how they came.
ALTER TABLE users ADD COLUMN email_verified_at BIGINT CHECK (
    state <> 'invited' OR (is_platform_admin = FALSE AND password_hash IS NULL AND email_verified_at IS NULL)
);
UPDATE users SET email_verified_at = created_at WHERE state <> 'invited';
