/** What patterns are made of, and how they are hashed: shared by those who write and who look up. */

export const KIND = {
  exact: 0,
  prefix: 1,
  suffix: 2,
  /** `spiffe://`, anything, and the text. */
  spiffeSuffix: 3,
  /** `/ns/`, the text and `/` anywhere. */
  namespace: 4,
  /** Istio's service account: the text is `namespace/account`. */
  account: 5,
  cidr: 6,
  template: 7,
  envoyTemplate: 8,
  /** A matcher that is asked by itself; the text is its JSON. */
  other: 9,
  nonEmpty: 10,
  present: 11,
  /** An issuer exactly and any subject. */
  issuer: 12,
  /** A header name or a claim path that has a table of its own. */
  tableName: 13,
  /** A segment between two nodes of the path trie; its table is the node. */
  edge: 14,
  /** Anything in a table. */
  anchor: 15,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

/** One word for table and kind. */
export function patternKey(table: number, kind: Kind): number {
  return ((table << 4) | kind) >>> 0;
}

/** FNV-1a over char codes; begin with {@link HASH_START}. */
export const HASH_START = 0x811c9dc5;

export function hashOn(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}

export function hashText(text: string): number {
  let hash = HASH_START;
  for (let i = 0; i < text.length; i++) hash = hashOn(hash, text.charCodeAt(i));
  return hash;
}

export function hashBackwards(text: string): number {
  let hash = HASH_START;
  for (let i = text.length - 1; i >= 0; i--) hash = hashOn(hash, text.charCodeAt(i));
  return hash;
}

/** The hash under which a pattern is filed: of its text and its key. */
export function hashWithKey(hash: number, key: number): number {
  let mixed = Math.imul(hash ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b);
  mixed ^= mixed >>> 13;
  return Math.imul(mixed, 0xc2b2ae35) >>> 0;
}

export function slotOf(hash: number, mask: number): number {
  return (hash ^ (hash >>> 16)) & mask;
}

/** Tables past those of the dimensions belong to one header or claim: numbered by the pattern of its name. */
export const FIRST_NAMED_TABLE = 64;

/** What stands for the length of a CIDR pattern: bytes of the address, bits of the prefix, bytes that these fill. */
export function cidrShape(addressLength: number, bits: number): number {
  return (addressLength << 16) | (bits << 8) | ((bits + 7) >> 3);
}

/** `["realm_access","roles"]` as one text. */
export function claimTableName(path: readonly string[]): string {
  return path.map((step) => `${step.length}:${step}`).join('');
}

/** Issuer and subject as one text in which neither can be mistaken. */
export function principalText(issuer: string, subject: string): string {
  return `${issuer.length}:${issuer}${subject}`;
}
