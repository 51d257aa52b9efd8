// What servers say of a right that is missing, each in its own words, and what is made of it.
import { expect, test } from '@jest/globals'
import { commandsOf, explainDenied } from '../../../sidecar/store/denial-words.ts'

const LUA = `
local time = redis.call('TIME')
redis.call('GET', KEYS[1])
if redis.call('GET', KEYS[1]) then redis.call('SET', KEYS[1], 1) end
`
const RUN = (command: string) => `its user may not run ${command} (docs/store.md, "The rights of its user"): `
const KEYS = 'its user may not use the keys of this prefix (docs/store.md, "The rights of its user"): '
const ANONYMOUS = "ERR The user executing the script can't run this command or subcommand script: e810, on @user_script"

test.each([
  // Redis 7.0
  [`${ANONYMOUS}:2.`, RUN('TIME')],
  [`${ANONYMOUS}:4.`, RUN('GET, SET')],
  [`${ANONYMOUS}:9.`, RUN('a command')],
  ["NOPERM this user has no permissions to run the 'evalsha' command", RUN('EVALSHA')],
  ['NOPERM this user has no permissions to access one of the keys used as arguments', KEYS],
  [
    "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments script: 8bd3, on @user_script:2.",
    KEYS,
  ],
  // Valkey 8.0
  [
    "ERR ACL failure in script: User x has no permissions to run the 'time' command script: ca45, on @user_script:2.",
    RUN('TIME'),
  ],
  ['ERR ACL failure in script: No permissions to access a key script: 8bd3, on @user_script:2.', KEYS],
  // Valkey 9.1
  [
    "ERR ACL failure in script: User x has no permissions to run the 'cluster|slots' command script: on @user_script:2.",
    RUN('CLUSTER|SLOTS'),
  ],
  ['NOPERM No permissions to access a key', KEYS],
  // Something else
  ['NOSCRIPT No matching script. Please use EVAL.', ''],
  ['ERR value is not an integer or out of range script: ca45, on @user_script:2.', ''],
])('%s', (message, words) => {
  expect(explainDenied(message, LUA)).toBe(words + message)
})

test('the commands of a script are those that it calls, each once', () => {
  expect(commandsOf(LUA)).toEqual(['TIME', 'GET', 'SET'])
})
