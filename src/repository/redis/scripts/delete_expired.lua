-- now, how many at most
local expired = redis.call('ZRANGEBYSCORE', ends_key, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(expired) do end_token(string.sub(member, 1, 8), string.sub(member, 9)) end
return #expired
