import { describe, expect, test } from '@jest/globals'
import type { ProviderError } from '../../../sidecar/stream/provider-error.ts'
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

  const errors: Record<string, ProviderError | undefined> = Object.fromEntries(
    streams.map((stream) => [stream.name, providerError(stream)] as const).filter(([, error]) => error !== undefined),
  )
  test('providers report errors in these streams and in no other', () => {
    expect(errors).toEqual({
      'anthropic-messages/error/in-stream-first-event-overloaded.sse': {
        word: 'overloaded_error',
        status: undefined,
      },
      'anthropic-messages/error/in-stream-overloaded-after-text.sse': {
        word: 'overloaded_error',
        status: undefined,
      },
      'openai-chat/error/in-stream-event-error-groq.sse': { word: 'tool_use_failed', status: 400 },
      'openai-responses/error/in-stream-error-then-failed.chunks.txt': {
        word: 'insufficient_quota',
        status: undefined,
      },
    })
  })
})

function providerError({ dialect, operation, body }: Recording): ProviderError | undefined {
  return replay({ dialect, operation, format: 'events', stripUsage: 'Keep', framing: 'Announced' }, [body])
    .providerError
}
