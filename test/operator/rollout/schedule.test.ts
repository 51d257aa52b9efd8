import { expect, test } from '@jest/globals'
import { nextAskMs, nudgeIsDue, type Progress } from '../../../operator/rollout/schedule.ts'

const OUTDATED: Progress = { sinceMs: 0, nudges: 0, standing: 'Outdated', pace: 'Nudged' }

test.each<[name: string, change: Partial<Progress>, due: boolean]>([
  ['is nudged at once', {}, true],
  ['is not nudged again at once', { nudges: 1, sinceMs: 499 }, false],
  ['is nudged again after half a second', { nudges: 1, sinceMs: 500 }, true],
  [
    'is nudged four times a minute for as long as its kubelet may have lost touch',
    { nudges: 6, sinceMs: 35_000 },
    true,
  ],
  ['is nudged a last time after two minutes', { nudges: 12, sinceMs: 125_000 }, true],
  ['is left to its kubelet then', { nudges: 13, sinceMs: 600_000 }, false],
  ['is not nudged when it runs the document', { standing: 'Current' }, false],
  ['is not nudged when nothing says that it lacks anything', { standing: 'Assumed' }, false],
  ['is not nudged when too many are', { pace: 'Eventual' }, false],
])('a pod %s', (_name, change, due) => {
  expect(nudgeIsDue({ ...OUTDATED, ...change })).toBe(due)
})

test.each<[name: string, change: Partial<Progress>, ms: number]>([
  ['often at first', {}, 150],
  ['less often later', { sinceMs: 3_000 }, 500],
  ['once a minute when it has not followed for minutes', { sinceMs: 150_000 }, 60_000],
  ['soon again when it has just begun to run the document', { standing: 'Current' }, 500],
  ['once a minute when it has run the document for long', { standing: 'Current', sinceMs: 3_600_000 }, 60_000],
  ['soon when it could not be asked', { standing: 'Assumed' }, 500],
  ['less and less when it still cannot', { standing: 'Assumed', sinceMs: 20_000 }, 20_000],
  ['not often when it is left to its kubelet', { pace: 'Eventual' }, 3_000],
])('a sidecar is asked %s', (_name, change, ms) => {
  expect(nextAskMs({ ...OUTDATED, ...change })).toBe(ms)
})
