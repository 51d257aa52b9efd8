// What an event reader asks of a dialect: which events matter, and what they say.
import type { TextOpening } from './content-bytes.ts'
import type { ProviderError } from './provider-error.ts'
import type { SseEvent } from './sse-grammar.ts'
import type { Usage } from './usage.ts'

/** Lives as long as one stream, and sees its events in order. */
export interface EventWatch {
  /** The stream has said that it is over. */
  readonly complete: boolean
  /** The provider's own error, once it came. */
  readonly providerError: ProviderError | undefined
  /** What opens the text that the model writes; `Other` where what is made is billed otherwise, `Unmetered` where nothing is. */
  readonly content: TextOpening | 'Other' | 'Unmetered'
  /**
   * Called with every chunk of whole events, as latin1 text, before anything else is done with it, and then for each of
   * its events if there was something. False says that nothing matters in it; true for a text that merely speaks of such
   * things costs a closer look and nothing more. One regular expression over the text is cheaper than one Buffer.indexOf (Node 26, 330 bytes:
   * 0.07 against 0.3 µs, for JSON is full of the quotes at which a search for `"usage"` stops).
   */
  wants(text: string): boolean
  /** Looks at one event; `Strip` keeps it from the client. */
  read(event: SseEvent): 'Forward' | 'Strip'
  /**
   * Looks at an event too large to be held: its beginning, read as if it were an event, and its last bytes. Absent where
   * a dialect puts nothing of interest into large events.
   */
  readOversized?(head: SseEvent, tail: Buffer): void
  /** The stream ended within an event. For dialects without a terminator, which cannot tell otherwise that there was more. */
  torn?(): void
  /** The newest usage, undefined while none was seen. */
  usage(): Usage | undefined
}
