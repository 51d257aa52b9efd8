// An answer that ends too early is an error in every official client, never a short success, wherever it was cut and
// however politely the connection was closed. Straight to the provider, most of them do not notice a clean cut.
import { describe, expect, test } from '@jest/globals'
import { HELPERS, ITERATORS, type StreamReader, UNARY } from './streams.ts'
import { failureOf, oneAttempt, twoWaysForTests } from './two-ways.ts'

const ways = twoWaysForTests(oneAttempt)

const RAISED = /ended its answer too early|terminated/

/** A cut for each place, both ways of closing. All places are tried in one test, so that a gap shows as a list. */
async function failuresAt(
  places: readonly { [name: string]: string }[],
  read: StreamReader['read'],
  cut: string,
): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const place of places) {
    // Slow enough that the client has what came before the cut.
    ways().mock.next({ ...place, cut, 'chunk-delay': '2' })
    failures.push({ place, ...((await failureOf(read(ways().through))) as object) })
  }
  return failures
}

function raisedAt(places: readonly object[]): unknown[] {
  return places.map((place) => expect.objectContaining({ place, message: expect.stringMatching(RAISED) }))
}

describe.each(['clean', 'reset', 'rst'])('a cut that is %s', (cut) => {
  test.each([...ITERATORS, ...HELPERS])('$name raises it after every event', async ({ events, read }) => {
    const places = Array.from({ length: events }, (_, count) => ({ 'cut-after-events': String(count) }))
    expect(await failuresAt(places, read, cut)).toEqual(raisedAt(places))
  })

  test.each([...ITERATORS, ...HELPERS])('$name raises it inside an event', async ({ read }) => {
    const places = [1, 5, 100, 333, 500].map((bytes) => ({ 'cut-after-bytes': String(bytes) }))
    expect(await failuresAt(places, read, cut)).toEqual(raisedAt(places))
  })

  test.each(UNARY)('$name raises it in an answer of one piece', async ({ read }) => {
    const places = [0, 1, 100, 333].map((bytes) => ({ 'cut-after-bytes': String(bytes) }))
    expect(await failuresAt(places, read, cut)).toEqual(raisedAt(places))
  })
})

test.each(ITERATORS)('$name gets all events when nothing is cut', async ({ read }) => {
  expect(JSON.stringify(await read(ways().through))).toContain(' there')
})

test('a cut stream is one record with the failure, and what passed of it is counted as an estimate', async () => {
  const { mock, through, sidecar } = ways()
  mock.next({ 'cut-after-events': '3', 'chunk-delay': '5' })
  const asked = { model: 'gpt-cut', messages: [{ role: 'user' as const, content: 'Hello there' }] }
  await expect(through.openai.chat.completions.stream(asked).finalMessage()).rejects.toThrow('too early')
  const line = await sidecar.accessLine(({ requestedModel }) => requestedModel === 'gpt-cut')
  expect(line).toMatchObject({ status: 200, fault: 'provider', failure: 'provider_truncated', estimated: true })
  expect(line.outputTokens).toBeGreaterThan(0)
})
