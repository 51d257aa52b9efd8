// Which API a request calls: a head goes in; dialect, operation, endpoint and what its body is for come out.
//
// An endpoint is a row of a table. Paths are matched as sent, never normalised (see request-target.ts). Where the
// dialects' paths collide, the shape of the path decides before the headers do, so that a header cannot turn
// `/v1/messages` into something that is passed on unread. All other paths below a dialect's base are passed unread as
// operation Other, unless a looser reading of them, one that some server may have, is a path that is read here.
//
// Endpoints that only count tokens belong to the operation that they count for: rules then treat both alike.
// Rejected: a router library or URLPattern, which normalise; `new URL`, which resolves `..` and `%2e` silently.
import type { Dialect, Operation } from '../../contract/sidecar-config.ts'
import { Refusal } from '../errors.ts'
import type { DecodedRequest } from './decoded-request.ts'
import { header, type RequestHead } from './head.ts'
import {
  hidesSeparator,
  loosestReading,
  modelInQuery,
  modelOf,
  queryWithoutCredentials,
  splitTarget,
} from './request-target.ts'

/** A request before its body is read. */
export interface Target extends Pick<DecodedRequest, 'dialect' | 'operation' | 'addressing' | 'endpoint' | 'query'> {
  /** From path or query; it wins over a model in the body. */
  model: string | undefined
  /** Whether the path asks for a stream; undefined where it is the body's to say. */
  stream: boolean | undefined
  /** `Form`: multipart/form-data or JSON, by content type. `Unread`: neither model nor stream are in it. */
  body: 'Json' | 'Form' | 'Unread'
  /** Without a model, in path or body, the request is refused. */
  needsModel: boolean
}

interface Endpoint {
  path: string
  operation: Operation
  body: Target['body']
  model: 'Required' | 'Optional' | 'InQuery'
}

const OPENAI: readonly Endpoint[] = [
  { path: '/chat/completions', operation: 'Chat', body: 'Json', model: 'Required' },
  { path: '/completions', operation: 'Completions', body: 'Json', model: 'Required' },
  // A stored `prompt` may name the model in the body's stead.
  { path: '/responses', operation: 'Responses', body: 'Json', model: 'Optional' },
  { path: '/responses/compact', operation: 'Responses', body: 'Json', model: 'Required' },
  { path: '/responses/input_tokens', operation: 'Responses', body: 'Json', model: 'Optional' },
  { path: '/embeddings', operation: 'Embeddings', body: 'Json', model: 'Required' },
  { path: '/images/generations', operation: 'Images', body: 'Json', model: 'Optional' },
  { path: '/images/edits', operation: 'Images', body: 'Form', model: 'Optional' },
  { path: '/images/variations', operation: 'Images', body: 'Form', model: 'Optional' },
  { path: '/audio/speech', operation: 'Audio', body: 'Json', model: 'Required' },
  { path: '/audio/transcriptions', operation: 'Audio', body: 'Form', model: 'Required' },
  { path: '/audio/translations', operation: 'Audio', body: 'Form', model: 'Required' },
  { path: '/rerank', operation: 'Rerank', body: 'Json', model: 'Required' },
  { path: '/moderations', operation: 'Other', body: 'Json', model: 'Optional' },
  { path: '/realtime', operation: 'Other', body: 'Unread', model: 'InQuery' },
]

const ANTHROPIC: readonly Endpoint[] = [
  { path: '/v1/messages', operation: 'Messages', body: 'Json', model: 'Required' },
  { path: '/v1/messages/count_tokens', operation: 'Messages', body: 'Json', model: 'Required' },
  { path: '/v1/complete', operation: 'Completions', body: 'Json', model: 'Required' },
]

/** Gemini endpoints that name the model in the body; an `agent` may stand in its place. */
const GEMINI: readonly Endpoint[] = [
  { path: '/v1beta/interactions', operation: 'Other', body: 'Json', model: 'Optional' },
  { path: '/v1/interactions', operation: 'Other', body: 'Json', model: 'Optional' },
]

/** `models/{model}:{method}`. `predict` is Imagen here; the model's other methods are passed unread. */
const GEMINI_METHODS: ReadonlyMap<string, Operation> = new Map([
  ['generateContent', 'Chat'],
  ['streamGenerateContent', 'Chat'],
  ['countTokens', 'Chat'],
  ['embedContent', 'Embeddings'],
  ['batchEmbedContents', 'Embeddings'],
  ['predict', 'Images'],
])
// Anywhere else they are Vertex AI or `dynamic/…`, whose model would be passed unread.
const GEMINI_METHOD_IN_PATH = new RegExp(`:(?:${[...GEMINI_METHODS.keys()].join('|')})$`, 'i')

/**
 * `/model/{model}/{action}`, each with whether it answers with a stream. All are Chat, embeddings by `invoke` too: what a model makes
 * of a request is known by nobody but the model.
 */
const BEDROCK_ACTIONS: ReadonlyMap<string, boolean> = new Map([
  ['converse', false],
  ['converse-stream', true],
  ['invoke', false],
  ['invoke-with-response-stream', true],
  ['count-tokens', false],
])
const BEDROCK_BASE = '/model/'

/** Below what OpenAI's endpoints lie, longest first. `/v1beta/openai` is Gemini's compatible API. */
const OPENAI_BASES: readonly { base: string; addressing: Target['addressing'] }[] = [
  { base: '/v1beta/openai', addressing: 'Standard' },
  { base: '/openai/v1', addressing: 'Standard' },
  { base: '/openai', addressing: 'Azure' },
  { base: '/v1', addressing: 'Standard' },
]
const AZURE_DEPLOYMENTS = '/openai/deployments/'
const GEMINI_BASES = ['/v1beta/', '/upload/v1beta/', '/upload/v1/', '/ws/']

type Located = Pick<Target, 'dialect' | 'operation' | 'addressing' | 'endpoint' | 'body'> & { model: Endpoint['model'] }

const OPENAI_BY_PATH: ReadonlyMap<string, Endpoint> = new Map(OPENAI.map((row) => [row.path, row]))
const BY_PATH: ReadonlyMap<string, Located> = new Map([
  ...OPENAI_BASES.flatMap(({ base, addressing }) =>
    OPENAI.map((row) => [base + row.path, located(row, 'OpenAI', addressing)] as const),
  ),
  ...ANTHROPIC.map((row) => [row.path, located(row, 'Anthropic', 'Standard')] as const),
  ...GEMINI.map((row) => [row.path, located(row, 'Gemini', 'Standard')] as const),
])

function located({ path, ...row }: Endpoint, dialect: Dialect, addressing: Target['addressing']): Located {
  return { ...row, endpoint: path, dialect, addressing }
}

/** Throws `unknown_path` where nothing is served, `malformed_request` where others may read the path differently. */
export function classify(head: RequestHead): Target {
  const { path, query } = splitTarget(head.target)
  const row = BY_PATH.get(path)
  const forwarded = query === '' ? '' : queryWithoutCredentials(query)
  if (row !== undefined && isRead(row.model, head.method)) return byTable(row, forwarded)
  const target =
    geminiModel(head, path) ??
    bedrockModel(path) ??
    ownModels(head, path) ??
    azureDeployment(head, path) ??
    unread(head, path)
  return { ...target, query: forwarded }
}

/**
 * The dialect in which this client wants its errors, for any request, however malformed. The shape of the path decides,
 * then what only one provider's SDKs send.
 */
export function dialectOf(head: RequestHead): Dialect {
  const { path } = splitTarget(head.target)
  const row = BY_PATH.get(path)
  if (row !== undefined) return row.dialect
  if (path.startsWith('/openai/') || path.startsWith('/v1beta/openai/')) return 'OpenAI'
  if (path.startsWith('/v1/messages/')) return 'Anthropic'
  if (path.startsWith(BEDROCK_BASE)) return 'Bedrock'
  if (GEMINI_METHOD_IN_PATH.test(path) || GEMINI_BASES.some((base) => path.startsWith(base))) return 'Gemini'
  if (header(head, 'anthropic-version') !== undefined) return 'Anthropic'
  const google = header(head, 'x-goog-api-key') ?? header(head, 'x-goog-api-client')
  return google === undefined ? 'OpenAI' : 'Gemini'
}

function byTable(row: Located, query: string): Target {
  const inQuery = row.model === 'InQuery' ? modelInQuery(query) : undefined
  return {
    dialect: row.dialect,
    operation: row.operation,
    addressing: row.addressing,
    endpoint: row.endpoint,
    query: inQuery?.query ?? query,
    model: inQuery?.model,
    stream: undefined,
    body: row.body,
    needsModel: row.model === 'Required',
  }
}

/** GET and DELETE at these paths list or remove stored objects. Unknown methods are read: refusing is the provider's. */
function isRead(model: Endpoint['model'], method: string): boolean {
  return model === 'InQuery' || !/^(?:GET|HEAD|DELETE|OPTIONS)$/.test(method)
}

type WithoutQuery = Omit<Target, 'query'>

/** `/v1beta/models/{model}:generateContent`; slashes in the model may be escaped or not. */
function geminiModel(head: RequestHead, path: string): WithoutQuery | undefined {
  const [, version, collection, encoded, method] =
    /^\/(v1|v1beta)\/(models|tunedModels)\/(.+):([A-Za-z]+)$/.exec(path) ?? []
  if (encoded === undefined || method === undefined) return undefined
  const operation = GEMINI_METHODS.get(method)
  if (operation === undefined) {
    // `ft:gpt-4o:acme` is a model of OpenAI's, and `models/x/operations/y:cancel` is not about a model.
    if (encoded.includes('/') || dialectOf(head) !== 'Gemini') return undefined
    if (GEMINI_METHOD_IN_PATH.test(path)) throw new Refusal('unknown_path')
  }
  const model = modelOf(encoded)
  return {
    dialect: 'Gemini',
    operation: operation ?? 'Other',
    addressing: 'Standard',
    endpoint: `/${version}/models/{model}:${method}`,
    model: collection === 'tunedModels' ? `tunedModels/${model}` : model,
    stream: method === 'streamGenerateContent',
    body: operation === undefined ? 'Unread' : 'Json',
    needsModel: true,
  }
}

/** Models are names or ARNs, whose colons and slashes may be escaped or not. */
function bedrockModel(path: string): WithoutQuery | undefined {
  if (!path.startsWith(BEDROCK_BASE)) return undefined
  const cut = path.lastIndexOf('/')
  const action = path.slice(cut + 1)
  const stream = BEDROCK_ACTIONS.get(action)
  if (stream === undefined || cut < BEDROCK_BASE.length) throw new Refusal('unknown_path')
  return {
    dialect: 'Bedrock',
    operation: 'Chat',
    addressing: 'Standard',
    endpoint: `${BEDROCK_BASE}{model}/${action}`,
    model: modelOf(path.slice(BEDROCK_BASE.length, cut)),
    stream,
    body: 'Json',
    needsModel: true,
  }
}

/** The lists and single entries that Outrigger answers itself. */
function ownModels(head: RequestHead, path: string): WithoutQuery | undefined {
  if (head.method !== 'GET') return undefined
  const [, base, encoded] =
    /^(\/v1|\/v1beta|\/openai|\/openai\/v1|\/v1beta\/openai)\/models(?:\/(.+))?$/.exec(path) ?? []
  if (base === undefined || encoded?.includes('/operations/')) return undefined
  const dialect = dialectOf(head)
  const item = encoded === undefined ? '' : '/{model}'
  return {
    dialect,
    operation: 'Models',
    addressing: base === '/openai' ? 'Azure' : 'Standard',
    endpoint: `${dialect === 'OpenAI' ? '' : base}/models${item}`,
    model: encoded === undefined ? undefined : modelOf(encoded),
    stream: false,
    body: 'Unread',
    needsModel: false,
  }
}

/** `/openai/deployments/{deployment}/chat/completions`; older SDKs do not escape slashes in the deployment. */
function azureDeployment(head: RequestHead, path: string): WithoutQuery | undefined {
  if (!path.startsWith(AZURE_DEPLOYMENTS)) return undefined
  const rest = path.slice(AZURE_DEPLOYMENTS.length)
  const first = rest.indexOf('/')
  if (first < 0) return undefined
  const last = rest.lastIndexOf('/')
  // Endpoints have one segment or two; the longer one first, for `/completions` also ends `/chat/completions`.
  const cut =
    [rest.lastIndexOf('/', last - 1), last].find((at) => at > 0 && OPENAI_BY_PATH.has(rest.slice(at))) ?? first
  const endpoint = rest.slice(cut)
  const row = OPENAI_BY_PATH.get(endpoint)
  const read = row !== undefined && isRead(row.model, head.method)
  if (!read) refuseOtherReadings(head, `/openai${endpoint}`, loosestReading(`/openai${endpoint}`))
  return {
    dialect: 'OpenAI',
    operation: read ? row.operation : 'Other',
    addressing: 'Azure',
    endpoint,
    model: modelOf(rest.slice(0, cut)),
    stream: undefined,
    body: read ? row.body : 'Unread',
    needsModel: true,
  }
}

function unread(head: RequestHead, path: string): WithoutQuery {
  const loose = loosestReading(path)
  const openai = OPENAI_BASES.find(({ base }) => path.startsWith(`${base}/`))
  if (openai === undefined && !GEMINI_BASES.some((base) => path.startsWith(base))) throw new Refusal('unknown_path')
  refuseOtherReadings(head, path, loose)
  const dialect = dialectOf(head)
  return {
    dialect,
    operation: 'Other',
    addressing: openai?.addressing ?? 'Standard',
    endpoint: dialect === 'OpenAI' && openai !== undefined ? path.slice(openai.base.length) : path,
    model: undefined,
    stream: false,
    body: 'Unread',
    needsModel: false,
  }
}

/** What is passed unread must not be an endpoint with a model for a server that is less exact about paths or methods. */
function refuseOtherReadings(head: RequestHead, path: string, loose: string): void {
  if (hidesSeparator(path)) throw new Refusal('malformed_request', 'The path hides a separator in an escape.')
  if (GEMINI_METHOD_IN_PATH.test(loose)) throw new Refusal('unknown_path')
  if (loose !== path && (BY_PATH.has(loose) || loose.startsWith(AZURE_DEPLOYMENTS))) {
    throw new Refusal('malformed_request', 'The path is not spelled as its API spells it.')
  }
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
    if (header(head, name) !== undefined) throw new Refusal('malformed_request', 'The method is named twice.')
  }
}
