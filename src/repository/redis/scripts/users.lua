-- first, last
local found, is_whole
-- Redis may have evicted some of them.
for _ = 1, 8 do
    found, is_whole = {}, true
    for _, user in ipairs(redis.call('ZRANGE', tag .. ':users', ARGV[1], ARGV[2])) do
        local row = user_row(user)
        if row then
            found[#found + 1] = row
        else
            is_whole = false
            redis.call('ZREM', tag .. ':users', user)
        end
    end
    if is_whole then break end
end
return found
