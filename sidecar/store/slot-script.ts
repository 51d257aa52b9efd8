// Slots of a Concurrency limit. Each sidecar holds so many under its own name until a moment that it keeps moving on; when it dies
// they come back by themselves.
//
// In the store: a sorted set of holders by when their slots expire, and a hash of what each holds, with the `sum`. A call says what the
// holder is to have, not what changes: one whose answer got lost is made good by the next. `open` is what it has under way in any case,
// and is counted even beyond the limit.
import { createScript } from './script.ts'

export const SLOT_SCRIPT = createScript(`
local expiries, held = KEYS[1], KEYS[2]
local holder, limit = ARGV[1], tonumber(ARGV[2])
local open, need, want, parts = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local expiry, key_expiry = tonumber(ARGV[7]), ARGV[8]
local HOLDER = 'of:' .. holder

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sum = tonumber(redis.call('HGET', held, 'sum') or 0)
local expired = redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)
for _, name in ipairs(expired) do
  sum = sum - tonumber(redis.call('HGET', held, 'of:' .. name) or 0)
end
local mine = tonumber(redis.call('HGET', held, HOLDER) or 0)
for _, name in ipairs(expired) do if name == holder then mine = 0 end end

local room = limit - (sum - mine)
local fits = need <= room
local grant
if fits then grant = need + math.max(0, math.min(want - need, math.floor((room - need) / parts)))
-- Nothing more then; and where all hold more than there is, no more than what is open, or what the others leave.
else grant = math.max(open, math.min(mine, room)) end
sum = sum - mine + grant

redis.call('HSET', held, 'sum', string.format('%.0f', sum))
for _, name in ipairs(expired) do
  redis.call('ZREM', expiries, name)
  redis.call('HDEL', held, 'of:' .. name)
end
if grant > 0 then
  redis.call('HSET', held, HOLDER, string.format('%.0f', grant))
  redis.call('ZADD', expiries, now + expiry, holder)
else
  redis.call('HDEL', held, HOLDER)
  redis.call('ZREM', expiries, holder)
end
redis.call('PEXPIRE', held, key_expiry)
redis.call('PEXPIRE', expiries, key_expiry)
return { grant >= need and 1 or 0, grant, sum }
`)

export interface SlotCall {
  /** Of the sidecar's process. */
  holder: string
  limit: number
  /** Requests that are open now. */
  open: number
  /** Slots that the holder is to have in all. */
  need: number
  /** What would be welcome, at least `need`. */
  want: number
  /** Beyond `need` the holder gets at most this part of what remains. */
  parts: number
  expiryMs: number
}

export interface SlotReply {
  /** Whether `need` fitted. If not, the holder keeps what it has, unless all hold more than the limit. */
  fits: boolean
  held: number
  /** Of all holders. */
  sum: number
}

export function slotValues({ holder, limit, open, need, want, parts, expiryMs }: SlotCall): (string | number)[] {
  // The keys outlive the slots, so that a slow clock of ours finds them.
  return [holder, limit, open, need, want, parts, expiryMs, 2 * expiryMs]
}

/** Throws for anything that the script does not answer. */
export function parseSlotReply(reply: unknown): SlotReply {
  if (!Array.isArray(reply) || reply.length !== 3) throw new Error('the store gave an answer of another form')
  const [fits = 0, held = 0, sum = 0] = reply.map(Number)
  return { fits: fits === 1, held, sum }
}
