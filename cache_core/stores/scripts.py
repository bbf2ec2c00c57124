"""The scripts that remote stores run, off the path of hits."""

from __future__ import annotations

# KEYS: lease, and the entry where one is written. ARGV: token, milliseconds to hold the lease (0
# gives it up), and the entry's value and milliseconds to live. 1 when the lease was held.
# pcall, because a key of another type is simply a lease that is not held. Numbers stay text: a
# Lua number handed to a command is cut or rounded, differently by server.
SETTLE = """
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1])
else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
""".strip()

# KEYS: the key. ARGV: milliseconds it is to live from now on, unless it would live longer anyway.
LENGTHEN = """
local left = redis.call('PTTL', KEYS[1])
if left == -1 or left >= tonumber(ARGV[1]) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
""".strip()
