// What Bedrock's errors mean: the word stands in a header, and in a stream in the frame's.
import { describe, expect, test } from '@jest/globals'
import { classifyAnswer, classifyReported, type ErrorClass } from '../../../sidecar/providers/classify.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)

function said({ reason, verdict, credential }: ErrorClass): string {
  return `${reason ?? 'caller'} ${verdict} ${credential}`
}

describe('an answer', () => {
  test.each<[number, string, string, string | undefined]>([
    [
      400,
      'ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/',
      'caller Success Fine',
      'ValidationException',
    ],
    [400, 'ValidationException', 'caller Success Fine', 'ValidationException'],
    [400, 'ServiceQuotaExceededException', 'RateLimited Neutral QuotaExhausted', 'ServiceQuotaExceededException'],
    [403, 'ExpiredTokenException', 'ProviderRefused Neutral Refused', 'ExpiredTokenException'],
    [403, 'AccessDeniedException', 'ProviderRefused Neutral Refused', 'AccessDeniedException'],
    [404, 'ResourceNotFoundException', 'caller Success Fine', 'ResourceNotFoundException'],
    [408, 'ModelTimeoutException', 'Timeout Failure Fine', 'ModelTimeoutException'],
    [424, 'ModelErrorException', 'ServerError Failure Fine', 'ModelErrorException'],
    [424, '', 'caller Success Fine', undefined],
    [429, 'ThrottlingException', 'RateLimited Neutral RateLimited', 'ThrottlingException'],
    [429, 'ModelNotReadyException', 'ServerError Failure Fine', 'ModelNotReadyException'],
    [500, 'InternalServerException', 'ServerError Failure Fine', 'InternalServerException'],
    [503, 'ServiceUnavailableException', 'ServerError Failure Fine', 'ServiceUnavailableException'],
    // A key in the place of a word.
    [403, 'ABSKQmVkcm9ja0FQSUtleS1hMWIy', 'ProviderRefused Neutral Refused', undefined],
  ])('%i with x-amzn-errortype %p is %s', (status, type, expected, word) => {
    const rawHeaders = ['content-type', 'application/json', 'X-Amzn-ErrorType', type]
    const body = Buffer.from('{"message":"The provided model identifier is invalid."}')
    const answer = { dialect: 'Bedrock' as const, status, rawHeaders, body, hasCredential: true }
    const classified = classifyAnswer(answer, NOW_MS)
    expect([said(classified), classified.word]).toEqual([expected, word])
  })

  test('without the header is judged by its status', () => {
    const answer = { dialect: 'Bedrock' as const, status: 400, rawHeaders: [], body: Buffer.from('{"message":"m"}') }
    const classified = classifyAnswer({ ...answer, hasCredential: true }, NOW_MS)
    expect([said(classified), classified.word]).toEqual(['caller Success Fine', undefined])
  })
})

describe('an error inside a 200', () => {
  test.each([
    ['throttlingException', 'RateLimited Neutral RateLimited'],
    ['serviceQuotaExceededException', 'RateLimited Neutral QuotaExhausted'],
    ['validationException', 'caller Success Fine'],
    ['modelTimeoutException', 'Timeout Failure Fine'],
    ['modelStreamErrorException', 'ServerError Failure Fine'],
    ['internalServerException', 'ServerError Failure Fine'],
    ['serviceUnavailableException', 'ServerError Failure Fine'],
    ['accessDeniedException', 'ProviderRefused Neutral Refused'],
    ['someNewException', 'ServerError Failure Fine'],
    ['InternalFailure', 'ServerError Failure Fine'],
    ['overloaded_error', 'ServerError Failure Fine'],
    ['rate_limit_error', 'RateLimited Neutral RateLimited'],
  ])('%s is %s', (word, expected) => {
    expect(said(classifyReported('Bedrock', word, undefined))).toBe(expected)
  })
})
