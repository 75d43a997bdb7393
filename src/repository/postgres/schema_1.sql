CREATE TABLE tower_tokens_levels (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title TEXT COLLATE "C" NOT NULL UNIQUE
);

-- An id is an integer in decimal (42) or a text as it is; a text that could be taken for something else stands between
-- quotes ("42"), so that 1 and '1' are two users. An integer is in "number" too, and a text's bytes in "text_bytes": both
-- list the users in the order of their ids.
CREATE TABLE tower_tokens_users (
    id TEXT COLLATE "C" PRIMARY KEY,
    number BIGINT UNIQUE,
    text_bytes BYTEA,
    level_id BIGINT NOT NULL REFERENCES tower_tokens_levels (id),
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    CHECK ((number IS NULL) <> (text_bytes IS NULL))
);

CREATE INDEX tower_tokens_users_in_order ON tower_tokens_users (text_bytes NULLS FIRST, number);

-- The highest integer id ever given, so that a deleted user's number is not given again.
CREATE TABLE tower_tokens_last_user (
    single SMALLINT PRIMARY KEY CHECK (single = 1),
    id BIGINT NOT NULL
);

INSERT INTO tower_tokens_last_user (single, id) VALUES (1, 0);

-- Times are Unix seconds, idle_limit is seconds. ends_at is the earlier of absolute_end and the idle end; NULL: never.
-- kind is login, api, access or refresh. family is the id of the token with which this one ends. abilities are names with one
-- space between two of them; NULL: all. rotation is the state of a refresh token.
CREATE TABLE tower_tokens_tokens (
    digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
    id BIGINT NOT NULL UNIQUE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES tower_tokens_users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_used_at BIGINT,
    absolute_end BIGINT,
    idle_limit BIGINT,
    ends_at BIGINT,
    name TEXT,
    code TEXT,
    kind TEXT NOT NULL DEFAULT 'login',
    family BIGINT,
    abilities TEXT,
    last_four TEXT,
    rotation TEXT
);

CREATE INDEX tower_tokens_tokens_by_user ON tower_tokens_tokens (user_id, created_at, id);

CREATE INDEX tower_tokens_tokens_by_end ON tower_tokens_tokens (ends_at) WHERE ends_at IS NOT NULL;
