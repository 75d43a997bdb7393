-- Titles are bytes (UTF-8), because no collation that MySQL and MariaDB share compares texts byte for byte to their end.
CREATE TABLE IF NOT EXISTS tower_tokens_levels (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    title VARBINARY(512) NOT NULL UNIQUE
) ENGINE = InnoDB;

-- An id is an integer in decimal (42) or a text as it is; a text that could be taken for something else stands between
-- quotes ("42"), so that 1 and '1' are two users. An integer is in "number" too, and a text's bytes in "text_bytes": both
-- list the users in the order of their ids.
CREATE TABLE IF NOT EXISTS tower_tokens_users (
    id VARCHAR(514) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    number BIGINT UNIQUE,
    text_bytes VARBINARY(512),
    level_id BIGINT NOT NULL,
    disabled TINYINT NOT NULL DEFAULT 0,
    KEY tower_tokens_users_in_order (text_bytes, number),
    FOREIGN KEY (level_id) REFERENCES tower_tokens_levels (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- The highest integer id ever given, so that a deleted user's number is not given again.
CREATE TABLE IF NOT EXISTS tower_tokens_last_user (
    single TINYINT NOT NULL PRIMARY KEY,
    id BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO tower_tokens_last_user (single, id) VALUES (1, 0);

-- Times are Unix seconds, idle_limit is seconds. ends_at is the earlier of absolute_end and the idle end; NULL: never.
-- kind is login, api, access or refresh. family is the id of the token with which this one ends. abilities are names with one
-- space between two of them; NULL: all. rotation is the state of a refresh token.
--
-- A replacement gives a token another digest. If the digest were the primary key, that would move the whole row, and with
-- it the entry in every index: a DELETE that waits for the row, or has read its index up to there, would never meet it
-- again, and a thief who replaces a token in a loop would outlive the end of all tokens. So a replacement changes no
-- column of the primary key, nor of the index by which the tokens of a user are found.
CREATE TABLE IF NOT EXISTS tower_tokens_tokens (
    id BIGINT NOT NULL PRIMARY KEY,
    digest BINARY(32) NOT NULL,
    user_id VARCHAR(514) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_used_at BIGINT,
    absolute_end BIGINT,
    idle_limit BIGINT,
    ends_at BIGINT,
    name TEXT CHARACTER SET utf8mb4,
    code TEXT CHARACTER SET utf8mb4,
    kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'login',
    family BIGINT,
    abilities TEXT CHARACTER SET utf8mb4,
    last_four TEXT CHARACTER SET utf8mb4,
    rotation TEXT CHARACTER SET ascii COLLATE ascii_bin,
    UNIQUE KEY tower_tokens_tokens_by_digest (digest),
    KEY tower_tokens_tokens_of_user (user_id, id),
    KEY tower_tokens_tokens_by_end (ends_at),
    FOREIGN KEY (user_id) REFERENCES tower_tokens_users (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
