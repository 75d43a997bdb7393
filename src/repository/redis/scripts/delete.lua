-- digest
local id, user = find_token(ARGV[1])
if not id then return 0 end
return end_token(id, user)
