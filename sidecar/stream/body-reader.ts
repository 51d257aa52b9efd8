// How the relay looks at an answer's body while it passes: one small interface, one implementation per format.
import type { ProviderError } from './provider-error.ts'
import type { Usage } from './usage.ts'

/**
 * Fed the body's bytes as they come, says which bytes may be forwarded now. A reader never invents, re-encodes or
 * reorders: what it returns is what came, less what the client did not ask for. It keeps back an unfinished event, so a
 * client never sees half of one.
 */
export interface BodyReader {
  /**
   * Bytes to forward now, or null for none yet. The result may be a view of `chunk`, which the caller consumes before
   * it returns to the event loop; what the reader keeps for later it has copied.
   */
  push(chunk: Buffer): Buffer | null
  /** The upstream ended cleanly: what is left to forward, and whether the answer is whole. Called once, last. */
  end(): { rest: Buffer | null; complete: boolean }
  /** The newest usage seen, undefined while none was; `estimated` while the provider has not told its output. */
  usage(): Usage | undefined
  /**
   * Bytes of text that the model wrote, as far as it passed; of a JSON document all that came of it. Undefined where nothing is
   * metered, or nothing read.
   */
  contentBytes(): number | undefined
  /**
   * The provider's own error inside the answer, if one came. Such a stream counts as ended. Of a JSON document it is known
   * once the body has ended, and only while that is held whole. For answers with a status of success; an error's body
   * (4xx, 5xx) is classified by `providers/classify.ts`.
   */
  providerError(): ProviderError | undefined
}
