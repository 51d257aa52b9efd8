// The vocabulary of OpenAI's models since gpt-4o: 60 MB once it is loaded, so it is a bundle of its own, and only for who asks for it.
import { countTokens as countO200kTokens } from 'gpt-tokenizer/encoding/o200k_base'

export function countTokens(text: string): number {
  return countO200kTokens(text)
}
