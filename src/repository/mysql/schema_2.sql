-- A replacement gives a token another digest. As long as the digest was the primary key, that moved the whole row, and
-- with it the entry in every index: a DELETE that waited for the row, or had read its index up to there, never met it
-- again, and a thief who replaced a token in a loop outlived the end of all tokens. Now a replacement changes no column of
-- the primary key, nor of the index by which the tokens of a user are found.
--
-- One statement, which InnoDB does as a whole or not at all, and only where the digest is the primary key still.
SET @tower_tokens_step = (
    SELECT IF(
        COUNT(*) = 0,
        'DO 0',
        'ALTER TABLE tower_tokens_tokens
            DROP PRIMARY KEY,
            ADD PRIMARY KEY (id),
            DROP KEY id,
            ADD UNIQUE KEY tower_tokens_tokens_by_digest (digest),
            ADD KEY tower_tokens_tokens_of_user (user_id, id),
            DROP KEY tower_tokens_tokens_by_user'
    )
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'tower_tokens_tokens'
        AND index_name = 'PRIMARY' AND column_name = 'digest'
);

PREPARE tower_tokens_step FROM @tower_tokens_step;

EXECUTE tower_tokens_step;

DEALLOCATE PREPARE tower_tokens_step;

SET @tower_tokens_step = NULL;
