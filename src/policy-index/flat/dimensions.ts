/** The attributes by which rules are told apart, and the tables in which their patterns stand. */
import type { Predicate } from '../../policy/compile/predicate.ts';

/** Those of an AuthorizationPolicy and of an AccessPolicy stand apart where the two read an attribute otherwise. */
const TABLES = [
  'method',
  'istioHost',
  'accessHost',
  'istioPath',
  'accessPath',
  'peerId',
  'peerNamespace',
  'peerTrustDomain',
  'peerAccount',
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
  /** The names only: each header and each claim has a table of its own. */
  'header',
  'claim',
] as const;

export type TableName = (typeof TABLES)[number];

/** Numbers of pattern tables. */
export const TABLE = Object.fromEntries(TABLES.map((name, i) => [name, i])) as Readonly<Record<TableName, number>>;

export function tableNameOf(table: number): string {
  return TABLES[table] ?? `table ${table}`;
}

export const TABLE_COUNT = TABLES.length;

/**
 * A rule is constrained in a dimension by the patterns of one field. Fields that stand for one another (in both
 * kinds of policy) are one dimension, so that what one leaves open is not open in another.
 */
export const DIMENSION_TABLES: readonly (readonly number[])[] = [
  [TABLE.method],
  [TABLE.istioHost, TABLE.accessHost],
  [TABLE.istioPath, TABLE.accessPath],
  [TABLE.peerId, TABLE.spiffeId],
  [TABLE.peerNamespace, TABLE.spiffeNamespace],
  [TABLE.peerTrustDomain, TABLE.spiffeTrustDomain],
  [TABLE.peerAccount, TABLE.spiffeAccount],
  [TABLE.group],
  [TABLE.requestPrincipal],
  [TABLE.sourceIp],
  [TABLE.remoteIp],
  [TABLE.destinationIp],
  [TABLE.port],
  [TABLE.sni],
  [TABLE.header],
  [TABLE.claim],
];

/** By number: the place in {@link DIMENSION_TABLES}, and a bit in masks. */
export type Dimension = number;

export const DIMENSION_COUNT = DIMENSION_TABLES.length;

const BY_TABLE: readonly Dimension[] = TABLES.map((_, table) =>
  DIMENSION_TABLES.findIndex((tables) => tables.includes(table)),
);

export function dimensionOfTable(table: number): Dimension {
  return BY_TABLE[table]!;
}

/** Bits of the dimensions that look at the token. */
export const TOKEN_DIMENSIONS = [TABLE.requestPrincipal, TABLE.claim, TABLE.group].reduce(
  (bits, table) => bits | (1 << dimensionOfTable(table)),
  0,
);

/** Tables of Istio's patterns over names of the peer. */
export const PEER_TABLES: readonly number[] = [
  TABLE.peerId,
  TABLE.peerNamespace,
  TABLE.peerTrustDomain,
  TABLE.peerAccount,
];

/** null: rules are not filed by this attribute. Of a header or claim, the table of the names. */
export function tableOf({ test, dialect }: Predicate): number | null {
  switch (test.attribute) {
    case 'peer':
      return {
        id: TABLE.peerId,
        namespace: TABLE.peerNamespace,
        trustDomain: TABLE.peerTrustDomain,
        serviceAccount: TABLE.peerAccount,
      }[test.part];
    case 'spiffe':
      return {
        id: TABLE.spiffeId,
        namespace: TABLE.spiffeNamespace,
        trustDomain: TABLE.spiffeTrustDomain,
        serviceAccount: TABLE.spiffeAccount,
      }[test.part];
    case 'groups':
      return TABLE.group;
    case 'host':
      return dialect === 'istio' ? TABLE.istioHost : TABLE.accessHost;
    case 'path':
      return dialect === 'istio' ? TABLE.istioPath : TABLE.accessPath;
    case 'destinationPort':
      return TABLE.port;
    case 'metadata':
      return null;
    default:
      return TABLE[test.attribute];
  }
}
