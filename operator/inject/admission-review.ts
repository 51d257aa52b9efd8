// The conversation with the API server: an AdmissionReview in, one out (admission.k8s.io/v1). Goes in: the body's text, and
// what injection made of the pod. Comes out: the request as far as it concerns us, or what is wrong with it; and the answer's
// text. A pod that is refused gets the answer that admission gives in Kubernetes: 403, with a sentence for its author.
import type { Injection } from './inject.ts'
import { isRecord, type RawObject, recordAt, textAt } from './raw-object.ts'

export interface AdmissionRequest {
  /** Of the request; the answer repeats it. */
  uid: string
  namespace: string
  /** As people know it: its name, or the prefix of the name that it will get. */
  podName: string
  /** Creates a pod. Others, which a webhook's rules may let through by mistake, are none of our business. */
  creates: boolean
  pod: RawObject
}

export interface Refusal {
  code: 403 | 500
  message: string
}

const API_VERSION = 'admission.k8s.io/v1'
const KIND = 'AdmissionReview'

export function parseAdmissionReview(text: string): { request: AdmissionRequest } | { problem: string } {
  const review = parseObject(text)
  if (review === undefined) return { problem: 'the body is no JSON object' }
  if (review.apiVersion !== API_VERSION || review.kind !== KIND) {
    return { problem: `expected apiVersion ${API_VERSION} and kind ${KIND}` }
  }
  const request = recordAt(review, 'request')
  const uid = textAt(request, 'uid')
  if (!uid) return { problem: 'request.uid is missing' }
  const kind = textAt(recordAt(request, 'kind'), 'kind')
  if (kind !== 'Pod') return { problem: `request.kind.kind: expected Pod, not ${kind ?? 'nothing'}` }
  const pod = request.object
  const creates = request.operation === 'CREATE' && !textAt(request, 'subResource')
  if (creates && !isRecord(pod)) return { problem: 'request.object is missing' }
  return {
    request: { uid, creates, ...nameOf(request), pod: isRecord(pod) ? pod : {} },
  }
}

function parseObject(text: string): RawObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The request's namespace counts: a pod's own may still be empty, and so may its name. */
function nameOf(request: RawObject): { namespace: string; podName: string } {
  const metadata = recordAt(recordAt(request, 'object'), 'metadata')
  const podName = textAt(request, 'name') || textAt(metadata, 'name') || `${textAt(metadata, 'generateName') ?? ''}*`
  return { namespace: textAt(request, 'namespace') ?? '', podName }
}

export function renderAnswer(uid: string, injection: Injection): string {
  if (injection.outcome === 'Refused') return renderRefusal(uid, { code: 403, message: injection.message })
  const { warnings } = injection
  return render({
    uid,
    allowed: true,
    ...(injection.outcome === 'Injected' && {
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(injection.patch)).toString('base64'),
    }),
    ...(warnings.length > 0 && { warnings }),
  })
}

export function renderRefusal(uid: string, { code, message }: Refusal): string {
  const reason = code === 403 ? 'Forbidden' : 'InternalError'
  return render({ uid, allowed: false, status: { status: 'Failure', code, reason, message } })
}

function render(response: object): string {
  return JSON.stringify({ apiVersion: API_VERSION, kind: KIND, response })
}
