import { NO_LINES } from '../../../../src/attributes/header-lines.ts';
import type { HeaderLines } from '../../../../src/attributes/header-lines.ts';
import { NO_PEER } from '../../../../src/attributes/peer-identity.ts';
import { RequestAttributes } from '../../../../src/attributes/request-attributes.ts';

const SETTINGS = { clientIp: { useRemoteAddress: false, xffTrustedHops: 0 }, jwtMetadata: '' };

export const lines = (...values: readonly string[]): HeaderLines => ({ form: 'exact', lines: values });
export const joined = (value: string): HeaderLines => ({ form: 'joined', value });

/** A request with this `:path` and these headers (lower case). */
export function request(target: string, headers: Readonly<Record<string, HeaderLines>> = {}): RequestAttributes {
  const byName = new Map(Object.entries(headers));
  return new RequestAttributes(
    {
      method: 'GET',
      target,
      authority: 'shop.example',
      scheme: 'https',
      protocol: 'HTTP/1.1',
      requestId: '',
      size: -1,
      timeMs: null,
      sourceAddress: '10.0.0.1',
      destinationAddress: '10.0.0.2',
      destinationPort: 8080,
      destinationPrincipal: '',
      destinationLabels: new Map(),
      sni: '',
      contextExtensions: new Map(),
      header: (name) => byName.get(name) ?? NO_LINES,
      headerByte: () => -1,
      hasAny: () => false,
      headerNames: () => [...byName.keys()],
      metadata: () => null,
    },
    SETTINGS,
    () => NO_PEER,
  );
}
