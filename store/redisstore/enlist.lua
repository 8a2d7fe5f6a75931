-- Puts a session into its user's index, drops those that expired long ago, and lets
-- the index live as long as the session at least.
-- KEYS[1] the index; ARGV: the session, when it expires, what is long ago, the length of life in ms.
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
	redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1
