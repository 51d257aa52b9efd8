// Bedrock's paths: models are names and ARNs, whose colons and slashes come escaped or not.
import { expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { classify, type Target } from '../../../sidecar/request/endpoints.ts'

/** The whole target, or the code of the refusal. */
function outcome(target: string, rawHeaders: string[] = []): Target | string {
  try {
    return classify({ method: 'POST', target, rawHeaders })
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

function converse(model: string, query = ''): Target {
  return {
    dialect: 'Bedrock',
    operation: 'Chat',
    addressing: 'Standard',
    endpoint: '/model/{model}/converse',
    query,
    model,
    stream: false,
    body: 'Json',
    needsModel: true,
  }
}

const ARN = 'arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0'

test.each([
  ['/model/m/converse', converse('m')],
  ['/model/amazon.nova-lite-v1%3A0/converse', converse('amazon.nova-lite-v1:0')],
  ['/model/amazon.nova-lite-v1:0/converse', converse('amazon.nova-lite-v1:0')],
  [`/model/${encodeURIComponent(ARN)}/converse`, converse(ARN)],
  [`/model/${ARN}/converse`, converse(ARN)],
  ['/model/m/converse?X-Amz-Credential=S&X-Amz-Security-Token=S&x%2Damz-signature=S&x=1', converse('m', 'x=1')],
])('%s is a conversation', (target, expected) => {
  expect(outcome(target)).toStrictEqual(expected)
})

test.each([
  ['converse', false],
  ['converse-stream', true],
  ['invoke', false],
  ['invoke-with-response-stream', true],
  ['count-tokens', false],
])('%s is Chat, stream %s', (action, stream) => {
  const expected = { ...converse('m'), endpoint: `/model/{model}/${action}`, stream }
  expect(outcome(`/model/m/${action}`)).toStrictEqual(expected)
})

test('the headers of another dialect change nothing', () => {
  expect(outcome('/model/m/converse', ['anthropic-version', '2023-06-01'])).toStrictEqual(converse('m'))
})

test.each([
  ['/model/m/async-invoke', 'unknown_path'],
  ['/model/m/Converse', 'unknown_path'],
  ['/model/m%2Fconverse', 'unknown_path'],
  ['/model/m/converse/', 'unknown_path'],
  ['/Model/m/converse', 'unknown_path'],
  ['/model/converse', 'unknown_path'],
  ['/model/', 'unknown_path'],
  ['/model//converse', 'malformed_request'],
  ['/model/../converse', 'malformed_request'],
  ['/model/%2e%2e%2Fx/converse', 'malformed_request'],
  ['/model/a%252fb/converse', 'malformed_request'],
  ['/model/a//b/converse', 'malformed_request'],
  [`/model/${'m'.repeat(257)}/converse`, 'malformed_request'],
])('%s is refused as %s', (target, code) => {
  expect(outcome(target)).toBe(code)
})
