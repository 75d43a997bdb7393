-- first, last
local found = {}
for _, user in ipairs(redis.call('ZRANGE', tag .. ':users', ARGV[1], ARGV[2])) do found[#found + 1] = user_row(user) end
return found
