-- channel, message
-- A write that changes nothing: a replica refuses it. What is published there reaches no master.
redis.call('PERSIST', KEYS[1])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
