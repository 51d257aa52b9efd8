// Feeds an answer through a reader to the prelude of its kind, as the relay does it, until there is a decision.
import { type AnswerKind, createBodyReader } from '../../../sidecar/stream/create-body-reader.ts'
import { createPrelude, type PreludeDecision } from '../../../sidecar/stream/prelude.ts'

export interface SeenPrelude {
  decision: PreludeDecision
  events: number
  /** An error was found by the time of the decision. */
  reported: boolean
}

export function watchPrelude(kind: AnswerKind, chunks: Iterable<Buffer>): SeenPrelude {
  const reader = createBodyReader(kind)
  const prelude = createPrelude(kind)
  if (prelude === undefined) throw new Error('nothing of this kind is held')
  let decision: PreludeDecision = 'Hold'
  for (const chunk of chunks) {
    const released = reader.push(chunk)
    if (released !== null) decision = prelude.push(released)
    if (decision !== 'Hold') break
  }
  return { decision, events: prelude.events, reported: reader.providerError() !== undefined }
}
