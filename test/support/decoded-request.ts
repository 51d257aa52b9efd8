// What decode would make of a request: for tests of what comes after it.
import type { DecodedRequest } from '../../sidecar/request/decoded-request.ts'

interface Described extends Partial<DecodedRequest> {
  headers?: readonly string[]
  method?: string
}

/** A chat request in OpenAI's dialect, without a body, unless the case says otherwise. */
export function decodedRequest({ headers = [], method = 'POST', ...rest }: Described): DecodedRequest {
  return {
    head: { method, target: '/as/sent', rawHeaders: headers },
    dialect: 'OpenAI',
    operation: 'Chat',
    addressing: 'Standard',
    endpoint: '/chat/completions',
    query: '',
    model: undefined,
    stream: false,
    body: Buffer.alloc(0),
    fields: { format: 'opaque', insertAt: -1, empty: false, spans: new Map() },
    ...rest,
  }
}
