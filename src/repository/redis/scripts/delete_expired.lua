-- now, how many at most
local ended = redis.call('ZRANGEBYSCORE', ends_key, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(ended) do forget_end_member(member) end
return #ended
