-- user, name of the list of what has ended, how many tokens to remove
announce(ARGV[1])
local was_there = redis.call('DEL', user_key(ARGV[1]))
redis.call('ZREM', tag .. ':users', ARGV[1])
local _, left = end_all(ARGV[1], ARGV[2], false, '', ARGV[3])
return { was_there, left }
