-- As text, because Lua's numbers do not hold every integer of 64 bits. Stops at the last of all numbers.
if redis.call('GET', tag .. ':last-user') ~= '9223372036854775807' then redis.call('INCR', tag .. ':last-user') end
return redis.call('GET', tag .. ':last-user')
