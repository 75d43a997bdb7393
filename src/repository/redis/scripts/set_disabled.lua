-- user, 0 or 1
if redis.call('EXISTS', user_key(ARGV[1])) == 0 then return 'user' end
announce(ARGV[1])
allow_when_full()
redis.call('HSET', user_key(ARGV[1]), 'disabled', ARGV[2])
return 'done'
