// What to write where a value does not match its pattern: a regular expression tells that to few people.
//
// By the text of the pattern, as schemas have it. A test holds the table against them, so that neither a pattern goes without
// words nor words without a pattern. Rejected: rules with messages in crds/ instead of patterns. API servers would tell those too,
// but bound what all rules of a schema may cost together, and patterns are free.

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const HOST_LABEL = '[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?'

export const PATTERN_WORDS: Readonly<Record<string, string>> = {
  [`^${LABEL}$`]: 'write a name of a-z, 0-9 and -, with a letter or digit at both ends, such as my-name',
  [`^${LABEL}(\\.${LABEL})*$`]:
    'write a name of a-z, 0-9, - and ., with a letter or digit at both ends of each part, such as my-name',
  '^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,6})?$':
    'write USD as a decimal number below 1000000000 with at most 6 decimals, such as "2.50"',
  '^[!-~]+$': 'write letters, digits and punctuation of ASCII, without spaces',
  '^[!-~]([ -~]*[!-~])?$': 'write ASCII, without spaces at the ends',
  "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$": 'write the name of a header, such as x-team',
  '^/[!"$-~]*$': 'write a path that begins with /, without spaces and #, such as /models',
  '^[-._a-zA-Z0-9]+$': 'write a key of letters, digits, -, _ and ., such as api-key',
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}$': 'write a date, such as 2023-06-01',
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$': 'write a date, such as 2024-10-21 or 2024-10-01-preview',
  '^[a-z]+(-[a-z]+)+-[0-9]{1,2}$': 'write a region, such as eu-central-1',
  [`^${HOST_LABEL}(\\.${HOST_LABEL})*$`]: 'write the name of a host, such as api.example.com',
  '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$': 'write the name of a time zone, such as Europe/Berlin',
  '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$':
    'write letters, digits, -, _ and ., with a letter or digit at both ends, such as my-app',
  '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$':
    'write the key of a label, such as app or example.com/app',
}

/** What people should write for the pattern to match. */
export function patternInWords(pattern: string): string {
  return PATTERN_WORDS[pattern] ?? `must match ${pattern}`
}
