import type { Flaw } from '../api/problem.ts'

/**
 * The URL in its one spelling (host in lower case, no default port), without trailing slash. Admission knows a URL by its
 * characters; only here is it parsed, so `https://[1::2::3]` is a flaw. An empty text comes back with it.
 */
export function compileBaseURL(text: string, field: string, flaws: Flaw[]): string {
  const url = URL.parse(text)
  const isBase = url !== null && /^https?:$/.test(url.protocol) && url.href === url.origin + url.pathname
  if (isBase) return url.href.replace(/\/+$/, '')
  const message = `"${text}" is not an http or https URL without user, query and fragment; write one like https://llm.example.com/v1`
  flaws.push({ field, reason: 'InvalidField', message })
  return ''
}

/** `http://host:port`, the port always written. An empty text comes back with a flaw. */
export function compileProxyURL(text: string, field: string, flaws: Flaw[]): string {
  const url = URL.parse(text)
  if (url !== null && url.protocol === 'http:' && url.href === `${url.origin}/`) {
    return `http://${url.hostname}:${url.port || '80'}`
  }
  const message = `"${text}" is not http://host:port; write one like http://proxy.corp.example:3128`
  flaws.push({ field, reason: 'InvalidField', message })
  return ''
}
