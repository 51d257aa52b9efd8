import { describe, expect, test } from '@jest/globals'
import { checkStream } from './check-stream.ts'
import { HAS_RECORDINGS, ownStreams, type Recording, recordedStreams } from './recordings.ts'
import { offsetsSaid, replay } from './replay.ts'

const family = HAS_RECORDINGS ? describe : describe.skip

describe('a stream of our own, split and cut', () => {
  for (const stream of ownStreams()) test(`${stream.name} at ${offsetsSaid(stream.body)}`, () => checkStream(stream))
})

family(`a recorded stream, split and cut${HAS_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'}`, () => {
  const streams = HAS_RECORDINGS ? recordedStreams() : []
  test.each(streams.map((stream) => [`${stream.name} at ${offsetsSaid(stream.body)}`, stream] as const))(
    '%s',
    (_name, stream) => checkStream(stream),
  )

  const errors: Record<string, string | undefined> = Object.fromEntries(
    streams.map((stream) => [stream.name, providerError(stream)] as const).filter(([, error]) => error !== undefined),
  )
  test('providers report errors in these streams and in no other', () => {
    expect(errors).toEqual({
      'anthropic-messages/error/in-stream-first-event-overloaded.sse': 'overloaded_error',
      'anthropic-messages/error/in-stream-overloaded-after-text.sse': 'overloaded_error',
      'openai-chat/error/in-stream-event-error-groq.sse': 'tool_use_failed',
      'openai-responses/error/in-stream-error-then-failed.chunks.txt': 'insufficient_quota',
    })
  })
})

function providerError({ dialect, operation, body }: Recording): string | undefined {
  return replay({ dialect, operation, format: 'events', stripUsage: 'Keep' }, [body]).providerError
}
