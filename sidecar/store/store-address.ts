// What `--store URL` says: which Redis or Valkey, how it is reached, and as whom; or, with `file:PATH`, which file says so.
//
// In: the text of the flag, or of that file. Out: hosts and options as values, the credentials inside a SecretValue; a mistake is an
// Error whose message never repeats the text, since it may hold a password. Own parsing, because WHATWG URLs know neither lists of
// hosts nor these schemes.
import { SecretValue } from '../../contract/secret.ts'
import { type Address, parseAddress } from '../../process/flag.ts'

export type StoreTopology = 'Standalone' | 'Sentinel' | 'Cluster'

export interface StoreCredentials {
  /** Empty: the default user. */
  user: string
  password: SecretValue
}

export interface StoreAddress {
  topology: StoreTopology
  /** Of the server, of the sentinels, or of some of the cluster's nodes. */
  hosts: readonly Address[]
  /** The name that sentinels know the primary by; empty without sentinels. */
  primary: string
  database: number
  tls: boolean
  /** PEM files, read when the store is opened; empty: none, and the system's authorities. */
  caFile: string
  certificateFile: string
  keyFile: string
  /** Before every key, so that several installations can share a store. */
  keyPrefix: string
  credentials: StoreCredentials | undefined
  sentinelCredentials: StoreCredentials | undefined
}

/** The address stands in a file, which is followed (address-file.ts). */
export interface StoreFile {
  file: string
}

const SCHEMES: Readonly<Record<string, { topology: StoreTopology; tls: boolean; port: number }>> = {
  redis: { topology: 'Standalone', tls: false, port: 6379 },
  rediss: { topology: 'Standalone', tls: true, port: 6379 },
  'redis+sentinel': { topology: 'Sentinel', tls: false, port: 26379 },
  'rediss+sentinel': { topology: 'Sentinel', tls: true, port: 26379 },
  'redis+cluster': { topology: 'Cluster', tls: false, port: 6379 },
  'rediss+cluster': { topology: 'Cluster', tls: true, port: 6379 },
}

const PARAMETERS = ['ca', 'cert', 'key', 'prefix', 'sentinelUser', 'sentinelPassword']
const KEY_PREFIX = 'outrigger:'

/** A URL, or `file:PATH`; the empty text is no store. Throws an Error that repeats no part of the text. */
export function parseStore(text: string): StoreAddress | StoreFile | undefined {
  if (text === '') return undefined
  const file = /^file:(?:\/\/(?=\/))?(.*)$/.exec(text)?.[1]
  if (file === '') throw new Error('expected a path after file:')
  return file === undefined ? parseStoreAddress(text) : { file }
}

/** `redis://user:password@host:6379/0?prefix=…`. Throws an Error that repeats no part of the text. */
export function parseStoreAddress(text: string): StoreAddress {
  const match = /^([a-z+]+):\/\/(?:([^@/?]*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text)
  const [, schemeName = '', userInfo, hostList = '', path = '', query = ''] = match ?? []
  const scheme = Object.hasOwn(SCHEMES, schemeName) ? SCHEMES[schemeName] : undefined
  if (scheme === undefined) {
    throw new Error(
      `expected a URL that begins with ${Object.keys(SCHEMES).join('://, ')}:// (special characters as %XX)`,
    )
  }
  const parameters = parseParameters(query)
  const place = parsePlace(scheme.topology, path)
  return {
    topology: scheme.topology,
    hosts: parseHosts(hostList, scheme),
    ...place,
    tls: scheme.tls,
    caFile: parameters.ca ?? '',
    certificateFile: parameters.cert ?? '',
    keyFile: parameters.key ?? '',
    keyPrefix: parameters.prefix ?? KEY_PREFIX,
    credentials: parseUserInfo(userInfo),
    sentinelCredentials: credentialsOf(parameters.sentinelUser ?? '', parameters.sentinelPassword),
  }
}

/** For log and status: everything but the credentials. */
export function describeStore({ topology, hosts, primary, tls }: StoreAddress): string {
  const places = hosts.map(({ host, port }) => `${host}:${port}`).join(',')
  const name = primary === '' ? '' : ` ${primary}`
  return `${topology}${tls ? ' over TLS' : ''} ${places}${name}`
}

function parseHosts(list: string, { topology, port }: { topology: StoreTopology; port: number }): readonly Address[] {
  const texts = list.split(',').filter((text) => text !== '')
  if (texts.length === 0) throw new Error('expected a host in the URL of the store')
  if (topology === 'Standalone' && texts.length > 1) {
    throw new Error('expected one host in the URL of the store; several need redis+sentinel:// or redis+cluster://')
  }
  return texts.map((text) => parseHost(/:\d+$/.test(text) ? text : `${text}:${port}`))
}

function parseHost(text: string): Address {
  try {
    if (!/^[\w.:[\]-]+$/.test(text)) throw new Error('no host has such characters')
    return parseAddress(text)
  } catch {
    // Whatever was wrong, its message may repeat a part of a password.
    throw new Error('expected HOST or HOST:PORT in the URL of the store')
  }
}

/** A database's number; before it, with sentinels, the primary's name. */
function parsePlace(topology: StoreTopology, path: string): Pick<StoreAddress, 'primary' | 'database'> {
  const parts = path.split('/').filter((part) => part !== '')
  const primary = topology === 'Sentinel' ? decode(parts.shift() ?? '') : ''
  if (topology === 'Sentinel' && primary === '') {
    throw new Error('expected the name of the primary after the sentinels, as in redis+sentinel://host:26379/mymaster')
  }
  const [number = '0', ...rest] = parts
  if (!/^\d{1,5}$/.test(number) || rest.length > 0)
    throw new Error('expected the number of a database at the end of the path')
  if (topology === 'Cluster' && Number(number) !== 0)
    throw new Error('expected no database: a cluster has only number 0')
  return { primary, database: Number(number) }
}

function parseUserInfo(text: string | undefined): StoreCredentials | undefined {
  if (text === undefined || text === '') return undefined
  const at = text.indexOf(':')
  if (at < 0 || at === text.length - 1)
    throw new Error('expected USER:PASSWORD@ or :PASSWORD@ before the host of the store')
  return credentialsOf(decode(text.slice(0, at)), decode(text.slice(at + 1)))
}

function credentialsOf(user: string, password: string | undefined): StoreCredentials | undefined {
  if (password === undefined || password === '') return undefined
  return { user, password: new SecretValue(password) }
}

function parseParameters(query: string): Partial<Record<string, string>> {
  const parameters: Record<string, string> = {}
  for (const item of query.split('&').filter((text) => text !== '')) {
    const at = item.indexOf('=')
    const name = at < 0 ? item : item.slice(0, at)
    if (!PARAMETERS.includes(name))
      throw new Error(`expected only ${PARAMETERS.join(', ')} after ? in the URL of the store`)
    parameters[name] = at < 0 ? '' : decode(item.slice(at + 1))
  }
  return parameters
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('expected %XX for special characters in the URL of the store')
  }
}
