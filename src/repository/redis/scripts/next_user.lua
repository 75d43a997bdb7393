-- number to begin after
-- As text, because Lua's numbers do not hold every integer of 64 bits. Stops at the last of all numbers.
local key = tag .. ':last-user'
if last_number(key, ARGV[1]) ~= '9223372036854775807' then redis.call('INCR', key) end
return redis.call('GET', key)
