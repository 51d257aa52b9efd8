// Stories of one key: what is said of it, and what then stands in the way of model `a` and of others.
import { expect, test } from '@jest/globals'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'

type Step = (standing: CredentialStanding, nowMs: number) => void

const STEPS: Readonly<Record<string, Step>> = {
  '401': (standing, nowMs) => standing.refused(401, 'a', nowMs),
  '402': (standing, nowMs) => standing.refused(402, 'a', nowMs),
  '403': (standing, nowMs) => standing.refused(403, 'a', nowMs),
  '429': (standing, nowMs) => standing.rateLimited('a', undefined, nowMs),
  quota: (standing, nowMs) => standing.quotaExhausted(nowMs),
  ok: (standing, nowMs) => standing.succeeded('a', nowMs),
  'ok-b': (standing, nowMs) => standing.succeeded('b', nowMs),
  pick: (standing, nowMs) => standing.used('a', nowMs),
}

interface Told {
  standing: CredentialStanding
  nowMs: number
  changes: string[]
}

/** `+5s` lets time pass, `429:2000` names a time; `random` in the middle is no jitter. */
function tell(story: string, random = 0.5): Told {
  const changes: string[] = []
  const standing = new CredentialStanding(
    () => random,
    ({ state, forMs, model }) =>
      changes.push([state, forMs, model].filter((part) => part !== '' && part !== 0).join(' ')),
  )
  let nowMs = 1_000_000
  for (const word of story.split(' ')) {
    const [name = '', told] = word.split(':')
    if (word.startsWith('+')) nowMs += 1000 * Number.parseFloat(word)
    else if (told !== undefined) standing.rateLimited('a', Number(told), nowMs)
    else (STEPS[name] as Step)(standing, nowMs)
  }
  return { standing, nowMs, changes }
}

/** `a` and `b`: what stands in the way of that model, with the milliseconds left; `-` for nothing. */
function check(name: string, story: string, expected: { a: string; b: string; changes?: string[] }): void {
  test(name, () => {
    const { standing, nowMs, changes } = tell(story)
    const [a, b] = ['a', 'b'].map((model) => {
      const blocked = standing.blocked(model, nowMs)
      return blocked === undefined ? '-' : `${blocked.state} ${blocked.untilMs - nowMs}${blocked.told ? ' told' : ''}`
    })
    expect({ a, b, ...(expected.changes && { changes }) }).toEqual(expected)
  })
}

check('a key that the provider does not accept is set aside for everything', '401', {
  a: 'SetAside 10000',
  b: 'SetAside 10000',
  changes: ['SetAside 10000'],
})
check('so is one whose account is to be paid', '402', { a: 'SetAside 10000', b: 'SetAside 10000' })
check('so is one whose quota is used up', 'quota', { a: 'SetAside 10000', b: 'SetAside 10000' })
check('what is forbidden is forbidden for one model', '403', {
  a: 'SetAside 10000',
  b: '-',
  changes: ['SetAside 10000 a'],
})
check('a rate is limited for one model', '429', { a: 'CoolingDown 500', b: '-', changes: ['CoolingDown 500 a'] })

check('it may be tried after its time', '401 +10s', { a: '-', b: '-' })
check('and not before', '401 +9.999s', { a: 'SetAside 1', b: 'SetAside 1' })
check('one request tries it, others wait for what comes of that', '401 +10s pick', {
  a: 'SetAside 10000',
  b: 'SetAside 10000',
})
check('though not for ever', '401 +10s pick +10s', { a: '-', b: '-' })
check('nor longer because it is picked again', '401 +10s pick +5s pick', { a: 'SetAside 5000', b: 'SetAside 5000' })
check('a success of who tries it puts it back', '401 +10s pick +1s ok', {
  a: '-',
  b: '-',
  changes: ['SetAside 10000', 'InUse'],
})
check('be it with another model', '401 +10s pick +1s ok-b', { a: '-', b: '-' })
check('another refusal doubles the time', '401 +10s pick 401', {
  a: 'SetAside 20000',
  b: 'SetAside 20000',
  changes: ['SetAside 10000', 'SetAside 20000'],
})
check('whatever kind of refusal', '401 +10s pick 402 +20s pick quota', { a: 'SetAside 40000', b: 'SetAside 40000' })
check(
  'up to ten minutes',
  '401 +9999s 401 +9999s 401 +9999s 401 +9999s 401 +9999s 401 +9999s 401 +9999s 401 +9999s 401',
  {
    a: 'SetAside 600000',
    b: 'SetAside 600000',
  },
)
check('requests that were under way count once', '401 401 +1s 401 401 402 quota', {
  a: 'SetAside 9000',
  b: 'SetAside 9000',
  changes: ['SetAside 10000'],
})
check('their success does not put it back', '401 +1s ok', { a: 'SetAside 9000', b: 'SetAside 9000' })
check('after a success the time is the first again', '401 +10s 401 +20s ok 401', {
  a: 'SetAside 10000',
  b: 'SetAside 10000',
})
check('success with another model does not permit what is forbidden', '403 +10s ok-b 403', {
  a: 'SetAside 20000',
  b: '-',
})

check('the provider names the time', '429:2000', { a: 'CoolingDown 2000 told', b: '-' })
check('at most an hour', '429:99999999', { a: 'CoolingDown 3600000 told', b: '-' })
check('no time at all is no pause', '429:0', { a: '-', b: '-', changes: [] })
check('it may be used again after its time', '429:2000 +2s pick', { a: '-', b: '-' })
check('a longer time that is named later holds', '429:2000 +1s 429:5000', { a: 'CoolingDown 5000 told', b: '-' })
check('a shorter one does not', '429:2000 +1s 429:100', { a: 'CoolingDown 1000 told', b: '-' })
check('a named time is better than our guess', '429 429:5000', { a: 'CoolingDown 5000 told', b: '-' })
check('our guess doubles when it was too short', '429 +0.5s 429 +1s 429', { a: 'CoolingDown 2000', b: '-' })
check('up to half a minute', '429 +99s 429 +99s 429 +99s 429 +99s 429 +99s 429 +99s 429 +99s 429', {
  a: 'CoolingDown 30000',
  b: '-',
})
check('not by requests that were under way', '429 429 429', { a: 'CoolingDown 500', b: '-' })
check('a success of one of those does not end it', '429 ok', { a: 'CoolingDown 500', b: '-' })
check('a success after its time does', '429 +0.5s ok 429', {
  a: 'CoolingDown 500',
  b: '-',
  changes: ['CoolingDown 500 a', 'InUse a', 'CoolingDown 500 a'],
})
check('a pace is no matter for a key that is forbidden', '403 429 429:99000', { a: 'SetAside 10000', b: '-' })
check('a refusal is one for a key that cools down', '429:5000 401', { a: 'SetAside 10000', b: 'SetAside 10000' })
check('and both can be over at different times', '429:15000 401 +10s', { a: 'CoolingDown 5000 told', b: '-' })

test('times of refusals differ by up to a tenth, so that not all pods try at the same moment', () => {
  const until = (random: number) => tell('401', random).changes
  expect([until(0), until(0.999999)]).toEqual([['SetAside 9000'], ['SetAside 11000']])
})

test('two hundred models have a place of their own, the rest share one', () => {
  const { standing } = tell('ok')
  for (let i = 0; i < 250; i++) standing.rateLimited(`m${i}`, 60_000, 0)
  expect(standing.report(0).blocks.length).toBe(201)
  expect(standing.blocked('m199', 0)).toBeDefined()
  expect(standing.blocked('m249', 0)).toBeDefined()
  expect(standing.blocked('unheard', 0)).toBeDefined()
  standing.succeeded('m230', 60_000)
  expect(standing.blocked('unheard', 59_999)).toBeUndefined()
  // Those whose time is over make room.
  standing.rateLimited('late', 1000, 60_000)
  expect(standing.report(60_000).blocks.map(({ model }) => model)).toEqual(['late'])
})

test('the report has what stands in the way now, and what did in all', () => {
  const { standing, nowMs } = tell('403 429:1 +10s 401 +1s')
  standing.rateLimited('b', 1500.5, nowMs)
  expect(standing.report(nowMs)).toEqual({
    blocks: [
      { state: 'SetAside', model: undefined, leftMs: 9000, why: 'the provider does not accept the key (401)' },
      { state: 'CoolingDown', model: 'b', leftMs: 1501, why: 'the provider limits the rate (429)' },
    ],
    setAside: { Unauthorized: 1, PaymentRequired: 0, Forbidden: 1, QuotaExhausted: 0, RateLimited: 1 },
  })
})
