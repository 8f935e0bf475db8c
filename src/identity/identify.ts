/** Who asks: the connection's peer, or the one for whom a trusted hop speaks. */
import type { HeaderLines } from '../attributes/header-lines.ts';
import { NO_PEER, UNREADABLE_PEER } from '../attributes/peer-identity.ts';
import type { PeerIdentity } from '../attributes/peer-identity.ts';
import { matchesSan } from '../lib/x509/san-pattern.ts';
import { identifyPeer, identityOf } from './peer-identity.ts';
import { parseXfcc } from './xfcc/xfcc.ts';

export interface PeerProof {
  /** `source.principal`; empty: none. */
  readonly principal: string;
  /** `source.certificate`, URL-encoded PEM; empty: none. */
  readonly certificate: string;
  readonly forwardedClientCert: HeaderLines;
}

export interface XfccSettings {
  readonly enabled: boolean;
  /** SAN patterns of the hops that are believed. */
  readonly trustedPeers: readonly string[];
  /** Which element, from the right, 1 being the last; 0: there must be exactly one. */
  readonly depth: number;
}

export function identify(proof: PeerProof, xfcc: XfccSettings): PeerIdentity {
  const direct = directPeer(proof);
  if (!xfcc.enabled || !isTrusted(direct, xfcc.trustedPeers)) return direct;
  const { forwardedClientCert: lines } = proof;
  if (lines.form === 'exact' && lines.lines.length === 0) return direct;
  // Envoy joins this header, so more than one line is somebody's trick.
  const value = lines.form === 'joined' ? lines.value : lines.lines.length === 1 ? lines.lines[0]! : '';
  const elements = parseXfcc(value);
  if (elements === null || (xfcc.depth === 0 && elements.length !== 1)) return UNREADABLE_PEER;
  const element = elements[xfcc.depth === 0 ? 0 : elements.length - xfcc.depth];
  if (element === undefined) return UNREADABLE_PEER;
  return identityOf(element.uris, [...element.uris, ...element.dnsNames, element.subject]);
}

function directPeer({ principal, certificate }: PeerProof): PeerIdentity {
  const peer = identifyPeer(principal, certificate);
  return peer === NO_PEER && (principal !== '' || certificate !== '') ? UNREADABLE_PEER : peer;
}

function isTrusted(peer: PeerIdentity, patterns: readonly string[]): boolean {
  // One name only: a hop whose certificate says two things is not the one that was meant.
  return (
    peer.uris.length === 1 && patterns.some((pattern) => matchesSan(pattern, { kind: 'uri', value: peer.uris[0]! }))
  );
}
