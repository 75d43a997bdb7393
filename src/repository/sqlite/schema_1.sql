CREATE TABLE tower_tokens_levels (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL UNIQUE
) STRICT;

-- ANY in a STRICT table keeps a value as it is: 1 and '1' stay two users. Beside a column of type INTEGER or TEXT SQLite
-- converts the other value before it compares: a table of the application that joins has ids of one type.
CREATE TABLE tower_tokens_users (
    id ANY NOT NULL PRIMARY KEY CHECK (typeof(id) IN ('integer', 'text')),
    level_id INTEGER NOT NULL REFERENCES tower_tokens_levels (id),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX tower_tokens_users_by_level ON tower_tokens_users (level_id);

-- The highest integer id ever given, so that a deleted user's number is not given again.
CREATE TABLE tower_tokens_last_user (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id INTEGER NOT NULL
) STRICT;

INSERT INTO tower_tokens_last_user (only, id) VALUES (1, 0);

-- Times are Unix seconds, idle_limit is seconds. ends_at is the earlier of absolute_end and the idle end; NULL: never.
-- kind is login, api, access or refresh. family is the id of the token with which this one ends. abilities are names with one
-- space between two of them; NULL: all. rotation is the state of a refresh token.
CREATE TABLE tower_tokens_tokens (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    id INTEGER NOT NULL UNIQUE,
    user_id ANY NOT NULL REFERENCES tower_tokens_users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_used_at INTEGER,
    absolute_end INTEGER,
    idle_limit INTEGER,
    ends_at INTEGER,
    name TEXT,
    code TEXT,
    kind TEXT NOT NULL DEFAULT 'login',
    family INTEGER,
    abilities TEXT,
    last_four TEXT,
    rotation TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX tower_tokens_tokens_by_user ON tower_tokens_tokens (user_id, created_at, id);

CREATE INDEX tower_tokens_tokens_by_end ON tower_tokens_tokens (ends_at) WHERE ends_at IS NOT NULL;
