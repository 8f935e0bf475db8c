/**
 * Names that are made to hold secrets. Rather too many than too few: what is left out of a record because of its
 * name can be looked up elsewhere, what was written there stays.
 */
const SECRET_NAME =
  /auth(?:orization|enticat)|cookie|token|secret|passw|credential|api[-_]?key|access[-_]?key|private[-_]?key|session|signature|assertion|csrf|xsrf|^dpop$|forwarded-client-cert|(?:^|[-_])(?:jwt|otp|pin|hmac)(?:[-_]|$)/i;

/** Of a header, a claim, a field. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}
