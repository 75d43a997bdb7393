-- user, level's title, the number if the user is one above 0, or '', number to begin after, name of a list of what has
-- ended, how many tokens to remove
local user, number = ARGV[1], ARGV[3]
local level = redis.call('HGET', tag .. ':level-ids', ARGV[2])
if not level then return { 'level', 0 } end
if redis.call('EXISTS', user_key(user)) == 1 then return { 'taken', 0 } end
if redis.call('EXISTS', tokens_key(user)) == 1 then announce(user) end
redis.call('HSET', user_key(user), 'level', level, 'title', ARGV[2], 'disabled', '0')
redis.call('ZADD', tag .. ':users', 0, user)
-- Compared as digits: Lua's numbers do not hold every integer of 64 bits.
local last = last_number(tag .. ':last-user', ARGV[4])
if #number > #last or (#number == #last and number > last) then redis.call('SET', tag .. ':last-user', number) end
-- Where Redis has evicted a user, the tokens of that user may still be there.
local _, left = end_all(user, ARGV[5], false, '', ARGV[6])
return { 'done', left }
