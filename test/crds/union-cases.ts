// What goes with the type of a provider, and what does not.
import type { RuleCase } from './rule-cases.ts'

const OPENAI = { type: 'OpenAI', openAI: {} }
const BEDROCK = { type: 'Bedrock', bedrock: { region: 'us-east-1' } }

export const UNION_CASES: readonly RuleCase[] = [
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set openAI when',
    valid: [OPENAI],
    invalid: [{ type: 'OpenAI' }, { type: 'Gemini', gemini: {}, openAI: {} }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set azureOpenAI with',
    valid: [{ type: 'AzureOpenAI', azureOpenAI: { endpoint: 'https://one.openai.azure.com' } }],
    invalid: [{ type: 'AzureOpenAI' }, { ...OPENAI, azureOpenAI: { endpoint: 'https://one.openai.azure.com' } }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set anthropic when',
    valid: [{ type: 'Anthropic', anthropic: {} }],
    invalid: [{ type: 'Anthropic' }, { ...OPENAI, anthropic: {} }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set gemini when',
    valid: [{ type: 'Gemini', gemini: {} }],
    invalid: [{ type: 'Gemini' }, { ...OPENAI, gemini: {} }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set bedrock with',
    valid: [{ type: 'Bedrock', bedrock: { region: 'us-gov-west-1' } }],
    invalid: [{ type: 'Bedrock' }, { ...OPENAI, bedrock: { region: 'us-east-1' } }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set openAICompatible with',
    valid: [{ type: 'OpenAICompatible', openAICompatible: { baseURL: 'http://vllm.models.svc:8000/v1' } }],
    invalid: [{ type: 'OpenAICompatible' }, { ...OPENAI, openAICompatible: { baseURL: 'http://vllm.models.svc' } }],
  },
  {
    kind: 'LLMProvider',
    at: 'spec',
    message: 'set path, because',
    valid: [BEDROCK, { ...BEDROCK, healthCheck: { path: '/ping' } }, { ...OPENAI, healthCheck: {} }],
    invalid: [
      { ...BEDROCK, healthCheck: {} },
      { ...BEDROCK, healthCheck: { interval: '10s' } },
    ],
  },
]
