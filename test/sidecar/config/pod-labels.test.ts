import { expect, test } from '@jest/globals'
import { parsePodLabels } from '../../../sidecar/config/pod-labels.ts'

function check(name: string, text: string, expected: ReturnType<typeof parsePodLabels>): void {
  test(name, () => {
    expect(parsePodLabels(text)).toEqual(expected)
  })
}

check('the file of a pod, as a kubelet writes it, without a last line end', 'app="shop"\noutrigger.dev/inject="true"', {
  labels: { app: 'shop', 'outrigger.dev/inject': 'true' },
})
check('no label at all', '', { labels: {} })
check('a value may be empty', 'app=""\n', { labels: { app: '' } })
check('a value may hold what ends one, and what separates', String.raw`a="b=\"c\""`, { labels: { a: 'b="c"' } })
check('all letters that Go escapes with', String.raw`a="\a\b\f\n\r\t\v\\"`, { labels: { a: '\x07\b\f\n\r\t\v\\' } })
check('numbers of characters', String.raw`a="\x7f\u00ad\U0001f6f6é"`, { labels: { a: '\x7f\u00ad🛶é' } })
check('a byte that was no UTF-8', String.raw`a="\xff"`, { labels: { a: '\ufffd' } })
check('a key that every object inherits', 'constructor="x"', { labels: { constructor: 'x' } })

const BROKEN: [what: string, text: string][] = [
  ['without quotes', 'app=shop'],
  ['that does not end', 'app="shop'],
  ['with something behind it', 'app="shop" '],
  ['without a key', '="shop"'],
  ['with an escape that Go does not have', String.raw`app="\q"`],
  ['with a number that is no character', String.raw`app="\U00110000"`],
  ['that ends in the middle of an escape', 'app="\\"'],
]

for (const [what, text] of BROKEN) {
  check(`a line ${what} is refused by its number, and not repeated`, `x="y"\n${text}`, {
    problem: 'line 2: expected key="value"',
  })
}
