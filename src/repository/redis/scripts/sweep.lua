-- name of a list of what has ended or '' for the oldest, how many to remove
local name = ARGV[1]
if name == '' then name = redis.call('LINDEX', ended_key, 0) end
if not name then return { 0, 0, 0 } end
local count, left = sweep(name, ARGV[2])
return { count, left, redis.call('LLEN', ended_key) }
