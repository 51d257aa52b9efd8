// The one script behind windows and calendar periods: corrects what was counted, forgets what has left the window, and leases.
//
// In the store, a count is a hash: a field per bucket (its number since 1970), `sum` of all of them, `head` (no bucket before it is
// there), and with a burst `missing` (from a full bucket of tokens) as of `at`. A calendar period has one bucket, 0, and its own key. The
// hash expires by itself. A second key says which batch of corrections of this sidecar was the last, so that one whose answer got lost
// can be sent again and counts once.
//
// The clock is the store's. A lease is spent up to `lifeMs` after it was asked for, so a bucket is counted until the whole of it is older
// than window and life together: whenever it was spent, any span of the window's length holds at most the limit.
//
// All reading comes before all writing, and what is written first may be refused when memory is short: the script does all or nothing.
// Sums are 64-bit integers (HINCRBY). Lua compares them as doubles: above 2^53 (9,007 USD in pico-USD) a decision may be wrong
// by the rounding, some thousand pico-USD at a million USD; what is stored is exact.
import { createScript } from './script.ts'

export const AMOUNT_SCRIPT = createScript(`
local key, batches = KEYS[1], KEYS[2]
local width, kept, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local size, refill = tonumber(ARGV[4]), tonumber(ARGV[5])
local need, want, parts = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local expiry, batch, batch_expiry = ARGV[9], tonumber(ARGV[10]), ARGV[11]
local FIRST_CHANGE, BUCKETS_MAX = 12, 1000

local function whole(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', key, 'sum', 'head', 'missing', 'at')
local sum, head = tonumber(state[1] or 0), tonumber(state[2])
local bucket, oldest = 0, 0
if width > 0 then
  bucket, oldest = math.floor(now / width), math.floor((now - kept) / width)
end
local first = oldest
-- A clock that was set back: nothing is counted in buckets that were forgotten, but in the present one.
if head and head > oldest then oldest = head end
if bucket < oldest then bucket = oldest end

local function cells(first, last)
  local names, found = {}, {}
  for number = first, last do names[#names + 1] = whole(number) end
  if #names == 0 then return found end
  for i, text in ipairs(redis.call('HMGET', key, unpack(names))) do
    if text and text ~= '0' then found[#found + 1] = { names[i], tonumber(text), text } end
  end
  return found
end

local left = {}
-- Where more buckets have passed than that, the key has expired.
if head and head < oldest then left = cells(math.max(head, oldest - BUCKETS_MAX), oldest - 1) end
for _, cell in ipairs(left) do sum = sum - cell[2] end

local missing = math.max(0, tonumber(state[3] or 0) - math.max(0, now - tonumber(state[4] or now)) * refill)

-- By bucket, what changes in all: so that each is written once.
local changes, order = {}, {}
local function change(number, amount)
  local name = whole(number)
  if not changes[name] then
    order[#order + 1] = name
    changes[name] = { 0, tonumber(redis.call('HGET', key, name) or 0) }
  end
  local cell = changes[name]
  -- Never below nothing: the store may have lost what is given back.
  local applied = math.max(amount, -(cell[1] + cell[2]))
  cell[1] = cell[1] + applied
  sum = sum + applied
  missing = math.max(0, missing + applied)
end

local is_new = batch > 0 and batch > tonumber(redis.call('GET', batches) or 0)
if is_new then
  for i = FIRST_CHANGE, #ARGV, 2 do
    local number, amount = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    if width == 0 then number = 0 end
    if number > bucket then number = bucket end
    if number >= oldest then change(number, amount)
    elseif amount > 0 and number >= first then change(bucket, amount) end
  end
end

local granted = 0
local room = limit - sum
local fits = need <= room and (size == 0 or missing <= math.max(0, size - need))
if fits and want > 0 then
  local spare = math.floor((room - need) / parts)
  if size > 0 then spare = math.min(spare, math.floor(math.max(0, size - missing - need) / parts)) end
  granted = need + math.max(0, math.min(want - need, spare))
  if granted > 0 then change(bucket, granted) end
end

for _, name in ipairs(order) do
  if changes[name][1] ~= 0 then redis.call('HINCRBY', key, name, whole(changes[name][1])) end
end
if is_new then redis.call('SET', batches, ARGV[10], 'PX', batch_expiry) end

local total = 0
for _, name in ipairs(order) do total = total + changes[name][1] end
if total ~= 0 then redis.call('HINCRBY', key, 'sum', whole(total)) end
for _, cell in ipairs(left) do
  redis.call('HINCRBY', key, 'sum', '-' .. cell[3])
  redis.call('HDEL', key, cell[1])
end
if head ~= oldest then redis.call('HSET', key, 'head', whole(oldest)) end
if size > 0 then redis.call('HSET', key, 'missing', string.format('%.17g', missing), 'at', whole(now)) end
redis.call('PEXPIRE', key, expiry)

if fits then return { 1, granted, whole(bucket), now, whole(sum) } end
local reply = { 0, 0, whole(bucket), now, whole(sum), string.format('%.17g', missing) }
for _, cell in ipairs(cells(oldest, bucket)) do
  reply[#reply + 1] = cell[1]
  reply[#reply + 1] = cell[3]
end
return reply
`)

/** What the script is asked. */
export interface AmountCall {
  /** Of a bucket; 0 for a calendar period, which has one. */
  bucketMs: number
  /** How long a bucket is counted after its end: window and life of a lease. */
  keptMs: number
  limit: number
  /** Of the bucket of tokens; 0: none. */
  burst: number
  refillPerMs: number
  /** What must fit, now; 0 to prefetch or only to correct. */
  need: number
  /** What would be welcome, at least `need`; 0: no lease. */
  want: number
  /** Beyond `need` a lease is at most this part of what remains. */
  parts: number
  /** Of the count, from now. */
  expiryMs: number
  /** 0: no corrections; else larger with each new batch of this sidecar. */
  batch: number
  /** For so long the store knows which batch was the last. */
  batchExpiryMs: number
  /** Bucket, difference, bucket, difference, … */
  changes: readonly number[]
}

export interface AmountReply {
  /** Whether `need` fitted. */
  fits: boolean
  granted: number
  /** Where the lease is counted. */
  bucket: number
  /** By the store's clock, since 1970. */
  storeMs: number
  /** Counted now, the lease included. */
  sum: number
  /** Only when `need` did not fit: what is missing from the bucket of tokens, and what each bucket holds, oldest first. */
  missing: number
  cells: readonly number[]
}

export function amountValues(call: AmountCall): (string | number)[] {
  return [
    call.bucketMs,
    call.keptMs,
    call.limit,
    call.burst,
    call.refillPerMs,
    call.need,
    call.want,
    call.parts,
    Math.ceil(call.expiryMs),
    call.batch,
    call.batchExpiryMs,
    ...call.changes,
  ]
}

/** Throws for anything that the script does not answer. */
export function parseAmountReply(reply: unknown): AmountReply {
  if (!Array.isArray(reply) || reply.length < 5) throw new Error('the store gave an answer of another form')
  const [fits = 0, granted = 0, bucket = 0, storeMs = 0, sum = 0, missing = 0, ...cells] = reply.map(Number)
  return { fits: fits === 1, granted, bucket, storeMs, sum, missing, cells }
}
