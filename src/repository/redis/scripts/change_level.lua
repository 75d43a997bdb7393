-- user, level's title
local level = redis.call('HGET', tag .. ':level-ids', ARGV[2])
if not level then return 'level' end
if redis.call('EXISTS', user_key(ARGV[1])) == 0 then return 'user' end
announce(ARGV[1])
allow_when_full()
redis.call('HSET', user_key(ARGV[1]), 'level', level, 'title', ARGV[2])
return level
