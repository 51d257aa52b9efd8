import { expect, test } from '@jest/globals'
import type { Flaw } from '../../../operator/api/problem.ts'
import { compileBaseURL, compileProxyURL } from '../../../operator/compile/url.ts'

type Compile = (text: string, field: string, flaws: Flaw[]) => string

/** `expected` undefined: the text is a flaw. */
function check(compile: Compile, text: string, expected: string | undefined): void {
  test(`${compile.name} makes ${expected ?? 'a flaw'} of ${text}`, () => {
    const flaws: Flaw[] = []
    expect(compile(text, 'spec.openAI.baseURL', flaws)).toBe(expected ?? '')
    expect(flaws.map(({ field, reason }) => `${field} ${reason}`)).toEqual(
      expected === undefined ? ['spec.openAI.baseURL InvalidField'] : [],
    )
  })
}

check(compileBaseURL, 'https://api.openai.com/v1', 'https://api.openai.com/v1')
check(compileBaseURL, 'https://api.openai.com/v1//', 'https://api.openai.com/v1')
check(compileBaseURL, 'https://api.anthropic.com/', 'https://api.anthropic.com')
check(compileBaseURL, 'HTTPS://API.OpenAI.com:443/V1', 'https://api.openai.com/V1')
check(compileBaseURL, 'http://vllm.models.svc:8000/v1', 'http://vllm.models.svc:8000/v1')
check(compileBaseURL, 'http://[2001:db8::1]:8000', 'http://[2001:db8::1]:8000')
check(compileBaseURL, 'https://[1::2::3]', undefined)
check(compileBaseURL, 'https://user:key@api.openai.com', undefined)
check(compileBaseURL, 'https://api.openai.com/v1?key=1', undefined)
check(compileBaseURL, 'https://api.openai.com/v1?', undefined)
check(compileBaseURL, 'https://api.openai.com/v1#top', undefined)
check(compileBaseURL, 'ftp://api.openai.com', undefined)
check(compileBaseURL, 'api.openai.com', undefined)

check(compileProxyURL, 'http://proxy.corp.example:3128', 'http://proxy.corp.example:3128')
check(compileProxyURL, 'http://proxy.corp.example:80/', 'http://proxy.corp.example:80')
check(compileProxyURL, 'http://[2001:db8::1]:3128', 'http://[2001:db8::1]:3128')
check(compileProxyURL, 'https://proxy.corp.example:3128', undefined)
check(compileProxyURL, 'http://user:password@proxy.corp.example:3128', undefined)
check(compileProxyURL, 'http://proxy.corp.example:3128/path', undefined)
check(compileProxyURL, 'proxy.corp.example:3128', undefined)
