CREATE TABLE tower_tokens_levels (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title TEXT COLLATE "C" NOT NULL UNIQUE
);

-- An id is the byte 01 and an integer's 8 bytes, big-endian and with the sign bit turned, or the byte 02 and a text in
-- UTF-8: 1 and '1' are two users, and ids sort by number, then by byte.
CREATE TABLE tower_tokens_users (
    id BYTEA PRIMARY KEY,
    level_id BIGINT NOT NULL REFERENCES tower_tokens_levels (id),
    disabled BOOLEAN NOT NULL DEFAULT FALSE
);

-- The highest integer id ever given, so that a deleted user's number is not given again.
CREATE TABLE tower_tokens_last_user (
    single SMALLINT PRIMARY KEY CHECK (single = 1),
    id BIGINT NOT NULL
);

INSERT INTO tower_tokens_last_user (single, id) VALUES (1, 0);

-- Times are Unix seconds, idle_limit is seconds. ends_at is the earlier of absolute_end and the idle end; NULL: never.
CREATE TABLE tower_tokens_tokens (
    digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
    id BIGINT NOT NULL UNIQUE,
    user_id BYTEA NOT NULL REFERENCES tower_tokens_users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_used_at BIGINT,
    absolute_end BIGINT,
    idle_limit BIGINT,
    ends_at BIGINT,
    name TEXT,
    code TEXT
);

CREATE INDEX tower_tokens_tokens_by_user ON tower_tokens_tokens (user_id, created_at, id);

CREATE INDEX tower_tokens_tokens_by_end ON tower_tokens_tokens (ends_at) WHERE ends_at IS NOT NULL;
