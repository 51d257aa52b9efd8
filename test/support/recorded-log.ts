import type { Log, LogFields, LogLevel } from '../../process/log.ts'

export interface RecordedLine {
  level: LogLevel
  message: string
  fields: LogFields
}

/** A log that keeps its lines. */
export interface RecordedLog extends Log {
  readonly lines: RecordedLine[]
}

export function recordedLog(): RecordedLog {
  const lines: RecordedLine[] = []
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields })
    }
  return {
    lines,
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    setLevel: () => undefined,
  }
}
