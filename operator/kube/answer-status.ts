/** HTTP status that a failed request was answered with; undefined when there was no answer, or when it was no request that failed. */
export function answerStatus(error: unknown): number | undefined {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status === 'number' && status > 0 ? status : undefined
}

/** For a log line. The texts of failed requests hold no bodies. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
