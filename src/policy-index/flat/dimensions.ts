/** The attributes by which rules are told apart, and which of them a predicate is about. */
import type { Predicate } from '../../policy/compile/predicate.ts';

/** Those of an AuthorizationPolicy and of an AccessPolicy stand apart where the two read an attribute otherwise. */
export const DIMENSIONS = [
  'method',
  'istioHost',
  'accessHost',
  'istioPath',
  'accessPath',
  'peer',
  'spiffeId',
  'spiffeNamespace',
  'spiffeTrustDomain',
  'spiffeAccount',
  'group',
  'requestPrincipal',
  'sourceIp',
  'remoteIp',
  'destinationIp',
  'port',
  'sni',
  'header',
  'claim',
] as const;

export type DimensionName = (typeof DIMENSIONS)[number];

/** By number: the place in {@link DIMENSIONS}, a bit in masks and the number of a pattern table. */
export type Dimension = number;

export const DIMENSION = Object.fromEntries(DIMENSIONS.map((name, i) => [name, i])) as Readonly<
  Record<DimensionName, Dimension>
>;

export const DIMENSION_COUNT = DIMENSIONS.length;

/** Bits of the dimensions that look at the token. */
export const TOKEN_DIMENSIONS = (1 << DIMENSION.requestPrincipal) | (1 << DIMENSION.claim) | (1 << DIMENSION.group);

/** null: rules are not filed by this attribute. */
export function dimensionOf({ test, dialect }: Predicate): Dimension | null {
  switch (test.attribute) {
    case 'peer':
      return DIMENSION.peer;
    case 'spiffe':
      switch (test.part) {
        case 'id':
          return DIMENSION.spiffeId;
        case 'namespace':
          return DIMENSION.spiffeNamespace;
        case 'trustDomain':
          return DIMENSION.spiffeTrustDomain;
        case 'serviceAccount':
          return DIMENSION.spiffeAccount;
      }
      break;
    case 'groups':
      return DIMENSION.group;
    case 'host':
      return dialect === 'istio' ? DIMENSION.istioHost : DIMENSION.accessHost;
    case 'path':
      return dialect === 'istio' ? DIMENSION.istioPath : DIMENSION.accessPath;
    case 'destinationPort':
      return DIMENSION.port;
    case 'metadata':
      return null;
    default:
      return DIMENSION[test.attribute];
  }
}
