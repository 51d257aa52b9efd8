import { expect, test } from '@jest/globals'
import { nearest } from '../../../cli/files/nearest.ts'

const CASES: [word: string, candidate: string | undefined][] = [
  ['baseUrl', 'baseURL'],
  ['base_url', 'baseURL'],
  ['organisation', 'organization'],
  ['projct', 'project'],
  ['keys', undefined],
  ['', undefined],
]

test.each(CASES)('%s could have been meant as %s', (word, candidate) => {
  expect(nearest(word, ['baseURL', 'organization', 'project', 'key_x1'])).toBe(candidate)
})

test('of several candidates the closest is named', () => {
  expect(nearest('models', ['model', 'model2s', 'modelsx1'])).toBe('model')
})
