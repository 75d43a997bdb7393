-- user, level's title, the number if the user is one above 0, or ''
local user, number = ARGV[1], ARGV[3]
local level = redis.call('HGET', tag .. ':level-ids', ARGV[2])
if not level then return 'level' end
if redis.call('EXISTS', user_key(user)) == 1 then return 'taken' end
redis.call('HSET', user_key(user), 'level', level, 'disabled', '0')
redis.call('ZADD', tag .. ':users', 0, user)
-- Compared as digits: Lua's numbers do not hold every integer of 64 bits.
local last = redis.call('GET', tag .. ':last-user') or '0'
if #number > #last or (#number == #last and number > last) then redis.call('SET', tag .. ':last-user', number) end
return 'done'
