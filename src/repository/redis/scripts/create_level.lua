-- title, number to begin after
local level = redis.call('HGET', tag .. ':level-ids', ARGV[1])
if not level then
    last_number(tag .. ':last-level', ARGV[2])
    level = string.format('%.0f', redis.call('INCR', tag .. ':last-level'))
    redis.call('HSET', tag .. ':level-ids', ARGV[1], level)
end
return level
