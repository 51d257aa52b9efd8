import { expect, test } from '@jest/globals'
import {
  type Change,
  createObjectStore,
  type KubeObject,
  type ListedObject,
} from '../../../operator/kube/object-store.ts'

type Step =
  | [type: 'ADDED' | 'MODIFIED' | 'DELETED', key: string, uid: string, version: string]
  | ['LIST', version: string, ...objects: string[]]
  | ['BOOKMARK', version: string]

/** Objects and changes in one word: `a/x=uid@version`. */
function changesOf(steps: readonly Step[]): string[] {
  const store = createObjectStore((object) => wordOf(object))
  const changes = steps.flatMap((step) => {
    if (step[0] === 'LIST') return store.replace(listOf(step.slice(2)), step[1])
    if (step[0] === 'BOOKMARK') {
      store.confirm(step[1])
      return []
    }
    const [type, key, uid, version] = step
    const change = store.apply(type, objectOf(key, uid, version))
    return change === undefined ? [] : [change]
  })
  return changes.map(wordOfChange)
}

const CASES: readonly [name: string, steps: readonly Step[], changes: readonly string[]][] = [
  [
    'an object comes, changes and goes',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['MODIFIED', 'a/x', 'u', '6'],
      ['DELETED', 'a/x', 'u', '7'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > u@6', 'a/x: u@6 > none'],
  ],
  ['an object without a namespace has its name for a key', [['ADDED', 'x', 'u', '5']], ['x: none > u@5']],
  [
    'the same event again says nothing',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['ADDED', 'a/x', 'u', '5'],
      ['MODIFIED', 'a/x', 'u', '5'],
      ['DELETED', 'a/x', 'u', '6'],
      ['DELETED', 'a/x', 'u', '6'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > none'],
  ],
  [
    'an older event says nothing, also where the number of digits differs',
    [
      ['ADDED', 'a/x', 'u', '1000'],
      ['MODIFIED', 'a/x', 'u', '999'],
      ['DELETED', 'a/x', 'u', '998'],
    ],
    ['a/x: none > u@1000'],
  ],
  [
    'an older event does not bring back what is gone',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['DELETED', 'a/x', 'u', '9'],
      ['MODIFIED', 'a/x', 'u', '8'],
      ['BOOKMARK', '6'],
      ['ADDED', 'a/x', 'u', '5'],
      ['MODIFIED', 'a/x', 'u', '8'],
      ['BOOKMARK', '10'],
      ['BOOKMARK', '7'],
      ['MODIFIED', 'a/x', 'u', '8'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > none'],
  ],
  [
    'an event of what the list did not have any more says nothing',
    [
      ['LIST', '10'],
      ['ADDED', 'a/x', 'u', '9'],
      ['ADDED', 'a/y', 'u', '11'],
    ],
    ['a/y: none > u@11'],
  ],
  [
    'an older deletion does not take away a namesake that came later',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['ADDED', 'a/x', 'v', '8'],
      ['DELETED', 'a/x', 'u', '7'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > v@8'],
  ],
  [
    'a deletion with the version that is known takes it away',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['DELETED', 'a/x', 'u', '5'],
      ['ADDED', 'a/x', 'u', '5'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > none'],
  ],
  [
    'what was deleted comes again',
    [
      ['ADDED', 'a/x', 'u', '5'],
      ['DELETED', 'a/x', 'u', '6'],
      ['ADDED', 'a/x', 'v', '7'],
    ],
    ['a/x: none > u@5', 'a/x: u@5 > none', 'a/x: none > v@7'],
  ],
  [
    'a list reports removals, additions and differences, and nothing else',
    [
      ['LIST', '10', 'a/gone=u@1', 'a/same=u@2', 'a/changed=u@3', 'a/again=u@4'],
      ['LIST', '20', 'a/same=u@2', 'a/changed=u@13', 'a/again=v@14', 'a/new=u@15'],
    ],
    [
      'a/gone: none > u@1',
      'a/same: none > u@2',
      'a/changed: none > u@3',
      'a/again: none > u@4',
      'a/gone: u@1 > none',
      'a/changed: u@3 > u@13',
      'a/again: u@4 > v@14',
      'a/new: none > u@15',
    ],
  ],
  [
    'a list is believed, also when it is older: a restored backup',
    [
      ['LIST', '100', 'a/x=u@90', 'a/y=u@80'],
      ['LIST', '50', 'a/x=u@40'],
      ['MODIFIED', 'a/x', 'u', '51'],
    ],
    ['a/x: none > u@90', 'a/y: none > u@80', 'a/y: u@80 > none', 'a/x: u@90 > u@40', 'a/x: u@40 > u@51'],
  ],
  [
    'versions that are no numbers are taken in the order in which they come',
    [
      ['ADDED', 'a/x', 'u', 'b'],
      ['MODIFIED', 'a/x', 'u', 'a'],
      ['MODIFIED', 'a/x', 'u', 'a'],
      ['MODIFIED', 'a/x', 'u', '007'],
      ['DELETED', 'a/x', 'u', '6'],
    ],
    ['a/x: none > u@b', 'a/x: u@b > u@a', 'a/x: u@a > u@007', 'a/x: u@007 > none'],
  ],
  [
    'versions may be larger than a number can hold',
    [
      ['ADDED', 'a/x', 'u', '9007199254740993'],
      ['MODIFIED', 'a/x', 'u', '9007199254740992'],
      ['MODIFIED', 'a/x', 'u', '9007199254740994'],
    ],
    ['a/x: none > u@9007199254740993', 'a/x: u@9007199254740993 > u@9007199254740994'],
  ],
]

for (const [name, steps, changes] of CASES) test(name, () => expect(changesOf(steps)).toEqual(changes))

test('an object that cannot be kept changes nothing', () => {
  let fails = false
  const store = createObjectStore((object) => {
    if (fails) throw new Error('no')
    return wordOf(object)
  })
  store.apply('ADDED', objectOf('a/x', 'u', '5'))
  fails = true
  expect(() => store.apply('MODIFIED', objectOf('a/x', 'u', '6'))).toThrow('no')
  fails = false
  expect([...store.objects]).toEqual([['a/x', 'u@5']])
  expect(store.apply('MODIFIED', objectOf('a/x', 'u', '6'))).toEqual({ key: 'a/x', before: 'u@5', after: 'u@6' })
})

test('deletions that are remembered are bounded', () => {
  const store = createObjectStore((object) => wordOf(object))
  for (let index = 0; index < 20_000; index++) {
    store.apply('ADDED', objectOf(`a/${index}`, 'u', String(2 * index + 1)))
    store.apply('DELETED', objectOf(`a/${index}`, 'u', String(2 * index + 2)))
  }
  // The oldest is forgotten, the newest is not.
  expect(store.apply('ADDED', objectOf('a/19999', 'u', '39999'))).toBeUndefined()
  expect(store.apply('ADDED', objectOf('a/0', 'u', '1'))).toBeDefined()
})

function listOf(words: readonly string[]): Map<string, ListedObject<string>> {
  return new Map(
    words.map((word) => {
      const [key = '', stored = ''] = word.split('=')
      const [uid = '', version = ''] = stored.split('@')
      return [key, { uid, version, stored }]
    }),
  )
}

function objectOf(key: string, uid: string, resourceVersion: string): KubeObject {
  const [name = '', namespace] = key.split('/').toReversed()
  return { metadata: { name, uid, resourceVersion, ...(namespace === undefined ? {} : { namespace }) } }
}

function wordOf({ metadata: { uid, resourceVersion } }: KubeObject): string {
  return `${uid}@${resourceVersion}`
}

function wordOfChange({ key, before = 'none', after = 'none' }: Change<string>): string {
  return `${key}: ${before} > ${after}`
}
