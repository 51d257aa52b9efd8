import { expect, test } from '@jest/globals'
import { SIDECAR_FLAGS } from '../../sidecar/settings.ts'

test.each(['headersTimeout', 'requestTimeout'] as const)('%s cannot be switched off', (name) => {
  expect(() => SIDECAR_FLAGS[name].parse('0s')).toThrow('expected at least 1s, not "0s"')
})
