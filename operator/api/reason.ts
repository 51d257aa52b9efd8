/**
 * Why something that a user wrote does not take effect: the closed set of reasons in problems and conditions,
 * so alerts and documentation may rely on them. The sentence says what each means; a problem's message says which object
 * and what to do.
 */
export const REASONS = {
  SecretNotFound: 'A Secret that is referenced does not exist.',
  SecretKeyNotFound: 'A Secret that is referenced does not have the key.',
  InvalidSecretType: 'A Secret that is referenced is of another type than its use needs.',
  InvalidCertificate: 'A certificate cannot be read.',
  InvalidField: 'A field holds what cannot be used, and admission did not refuse it.',
  ProviderUnusable: 'An LLMProvider lacks something that every request to it needs, so no sidecar is given it.',
  ProviderNotFound: 'An LLMProvider that is referenced does not exist.',
  RefNotPermitted: 'An LLMProvider that is referenced does not admit the namespace.',
  ModelNotFound: 'An LLMProvider that is referenced does not have the model.',
  ConfigTooLarge: 'What the namespace’s sidecars would get is more than Kubernetes can hold; they keep the last one.',
  PriceUnknown:
    'A budget or a limit of Cost meets models without a price; such requests are refused with 403 unless unknownPrice is AllowUnpriced.',
  NoCheaperBackend: 'A budget with onExhausted Fallback has no cheaper backend to fall back to, so it holds nothing.',
  RuleUnavailable: 'A rule has no backend left: requests that it matches are answered with 503.',
} as const

export type Reason = keyof typeof REASONS
