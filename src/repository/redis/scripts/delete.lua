-- digest
local found = redis.call('HMGET', token_key(ARGV[1]), 'id', 'user')
if not found[1] then return 0 end
return forget(ARGV[1], found[1], found[2])
