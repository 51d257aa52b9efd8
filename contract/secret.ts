const REDACTED = '[redacted]'

/**
 * A secret text that can be carried around but not shown: JSON, string conversion and Node's inspection (so console.log
 * and loggers) give `[redacted]`. The text leaves only through `reveal()`, whose callers can be searched for.
 */
export class SecretValue {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The secret itself. Call it where the text goes out to its own provider or file, and nowhere else. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  // util.inspect looks the method up by this registered symbol, so the contract need not import Node.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED
  }
}
