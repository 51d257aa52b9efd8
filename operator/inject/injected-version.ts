import { INJECTED_ANNOTATION } from '../../contract/names.ts'
import { type RawObject, recordAt, textAt } from './raw-object.ts'

/** The version of Outrigger that injected the pod; undefined for one that was not injected. */
export function injectedVersion(pod: RawObject): string | undefined {
  return textAt(recordAt(recordAt(pod, 'metadata'), 'annotations'), INJECTED_ANNOTATION)
}
