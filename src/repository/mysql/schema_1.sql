-- Titles are bytes (UTF-8), because no collation that MySQL and MariaDB share compares texts byte for byte to their end.
CREATE TABLE IF NOT EXISTS tower_tokens_levels (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    title VARBINARY(512) NOT NULL UNIQUE
) ENGINE = InnoDB;

-- An id is the byte 01 and an integer's 8 bytes, big-endian and with the sign bit turned, or the byte 02 and a text in
-- UTF-8: 1 and '1' are two users, and ids sort by number, then by byte.
CREATE TABLE IF NOT EXISTS tower_tokens_users (
    id VARBINARY(513) NOT NULL PRIMARY KEY,
    level_id BIGINT NOT NULL,
    disabled TINYINT NOT NULL DEFAULT 0,
    FOREIGN KEY (level_id) REFERENCES tower_tokens_levels (id)
) ENGINE = InnoDB;

-- The highest integer id ever given, so that a deleted user's number is not given again.
CREATE TABLE IF NOT EXISTS tower_tokens_last_user (
    single TINYINT NOT NULL PRIMARY KEY,
    id BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO tower_tokens_last_user (single, id) VALUES (1, 0);

-- Times are Unix seconds, idle_limit is seconds. ends_at is the earlier of absolute_end and the idle end; NULL: never.
CREATE TABLE IF NOT EXISTS tower_tokens_tokens (
    digest BINARY(32) NOT NULL PRIMARY KEY,
    id BIGINT NOT NULL UNIQUE,
    user_id VARBINARY(513) NOT NULL,
    created_at BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    last_used_at BIGINT,
    absolute_end BIGINT,
    idle_limit BIGINT,
    ends_at BIGINT,
    name TEXT CHARACTER SET utf8mb4,
    code TEXT CHARACTER SET utf8mb4,
    KEY tower_tokens_tokens_by_user (user_id, created_at, id),
    KEY tower_tokens_tokens_by_end (ends_at),
    FOREIGN KEY (user_id) REFERENCES tower_tokens_users (id) ON DELETE CASCADE
) ENGINE = InnoDB;
