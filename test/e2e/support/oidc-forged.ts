import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';

/**
 * An access token for `orders` that says all that the issuer's own would say, and that somebody else signed. Another
 * one each time. `kid`: default one that nobody knows.
 */
export async function forgedToken(issuer: string, sub: string, kid: string = randomUUID()): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return new SignJWT({ scope: 'orders.read' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .setIssuer(issuer)
    .setSubject(sub)
    .setAudience('orders')
    .setIssuedAt()
    .setExpirationTime('10m')
    .setJti(randomUUID())
    .sign(privateKey);
}
