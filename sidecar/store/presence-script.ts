// Which sidecars use the store: each says so every few seconds, and is counted until it has been silent for a while.
import { createScript } from './script.ts'

/** Values: the sidecar's name, and for how many milliseconds it is counted from now; 0: it leaves. Answers how many there are. */
export const PRESENCE_SCRIPT = createScript(`
local present, name, expiry = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if expiry > 0 then
  redis.call('ZADD', present, now + expiry, name)
  redis.call('PEXPIRE', present, expiry)
else
  redis.call('ZREM', present, name)
end
redis.call('ZREMRANGEBYSCORE', present, '-inf', now)
return redis.call('ZCARD', present)
`)
