-- title
local level = redis.call('HGET', tag .. ':level-ids', ARGV[1])
if not level then
    level = string.format('%.0f', redis.call('INCR', tag .. ':last-level'))
    redis.call('HSET', tag .. ':level-ids', ARGV[1], level)
    redis.call('HSET', tag .. ':levels', level, ARGV[1])
end
return level
