// An application that asks one question through each official SDK that it is told to, as it comes, and ends: `openai:MODEL`,
// `anthropic:MODEL`, `gemini:MODEL`. `--tries N` is how often, for the configuration may come a moment after the first pod of a
// namespace. It prints one line of JSON: the answers, the errors as a careless application logs them, and its environment. Exit
// code 0 when all were answered.
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect, parseArgs } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'

const QUESTION = 'How far is it to the moon?'
const PAUSE_MS = 100

const SDKS: Readonly<Record<string, (model: string) => Promise<string>>> = {
  async openai(model) {
    const messages = [{ role: 'user' as const, content: QUESTION }]
    const { choices } = await new OpenAI().chat.completions.create({ model, messages })
    return choices[0]?.message.content ?? ''
  },
  async anthropic(model) {
    const messages = [{ role: 'user' as const, content: QUESTION }]
    const { content } = await new Anthropic().messages.create({ model, max_tokens: 100, messages })
    return content.map((block) => (block.type === 'text' ? block.text : '')).join('')
  },
  async gemini(model) {
    const { text } = await new GoogleGenAI({}).models.generateContent({ model, contents: QUESTION })
    return text ?? ''
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tries: { type: 'string', default: '50' } },
})
const answers: Record<string, string> = {}
const errors: string[] = []

async function ask(target: string): Promise<void> {
  const [name = '', model = ''] = target.split(':')
  for (let tries = Number(values.tries); tries > 0 && !answers[target]; tries--) {
    try {
      answers[target] = (await SDKS[name]?.(model)) ?? ''
    } catch (error) {
      errors.push(inspect(error, { depth: 9, showHidden: true }))
      await sleep(PAUSE_MS)
    }
  }
}

async function run(): Promise<void> {
  await Promise.all(positionals.map(ask))
  process.stdout.write(`${JSON.stringify({ answers, errors, environment: process.env })}\n`)
  process.exitCode = positionals.every((target) => answers[target]) ? 0 : 1
}

void run()
