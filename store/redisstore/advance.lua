-- Replaces a session's register if its generation is the given one and it has no tombstone.
-- KEYS[1] the session; ARGV: the generation, moving, core, ip, user agent.
local was = redis.call('GET', KEYS[1])
if not was or string.sub(was, 1, 2) ~= 'A\0' or string.sub(was, 3, 10) ~= ARGV[1] then
	return 0
end
local r1, r2, i1, i2, a1, a2 = string.byte(was, 27, 32)
local birth = 33 + r1 * 256 + r2
local agent = birth + i1 * 256 + i2
local fixed = agent + a1 * 256 + a2

local function length(n)
	return string.char(math.floor(n / 256), n % 256)
end
local function seen(text, born)
	if text == born then
		return '\255\255'
	end
	return length(#text) .. text
end
local register = ARGV[3] .. seen(ARGV[4], string.sub(was, birth, agent - 1)) .. seen(ARGV[5], string.sub(was, agent, fixed - 1))

redis.call('SET', KEYS[1], table.concat({
	'A\0', ARGV[2], string.sub(was, 19, 26), length(#register), string.sub(was, 29, 32), register, string.sub(was, birth),
}), 'KEEPTTL')
return 1
