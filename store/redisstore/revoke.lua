-- Gives a session a tombstone unless it has one, or is another user's.
-- KEYS[1] the session; ARGV: the tombstone, and the user or nothing.
-- Answers 1 and when the session expires, or 0 and, if it had ended, the whole of it.
local was = redis.call('GET', KEYS[1])
if not was then
	return {0}
end
local r1, r2, i1, i2, a1, a2 = string.byte(was, 27, 32)
local fixed = 33 + (r1 + i1 + a1) * 256 + r2 + i2 + a2
if ARGV[2] ~= '' and string.sub(was, fixed, fixed + 15) ~= ARGV[2] then
	return {0}
end
if string.sub(was, 1, 2) ~= 'A\0' then
	return {0, was}
end
redis.call('SET', KEYS[1], 'A\1' .. string.sub(was, 3) .. ARGV[1], 'KEEPTTL')
return {1, string.sub(was, 19, 26)}
