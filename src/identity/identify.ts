/** Who asks: the connection's peer, or the one for whom a trusted hop speaks. */
import { LRUCache } from 'lru-cache';
import type { HeaderLines } from '../attributes/header-lines.ts';
import { NO_PEER, UNREADABLE_PEER } from '../attributes/peer-identity.ts';
import type { CertificateFacts, PeerIdentity } from '../attributes/peer-identity.ts';
import { matchesSan } from '../lib/x509/san-pattern.ts';
import { ownCopy } from './own-copy.ts';
import { identifyPeer, identityOf, keyOf } from './peer-identity.ts';
import { parseXfcc } from './xfcc/xfcc.ts';
import type { XfccElement } from './xfcc/xfcc.ts';

/**
 * Key and value of the context extension by which Envoy says that x-forwarded-client-cert is its own work on this
 * route, whatever came in. Context extensions stand in Envoy's configuration: no request can bring one.
 */
export const XFCC_MARK = { key: 'portcullis.xfcc', value: 'overwritten' } as const;

export interface PeerProof {
  /** `source.principal`; empty: none. */
  readonly principal: string;
  /** `source.certificate`, URL-encoded PEM; empty: none. */
  readonly certificate: string;
  readonly forwardedClientCert: HeaderLines;
  /** Envoy sent {@link XFCC_MARK}. Absent: it did not. */
  readonly xfccMarked?: boolean;
}

export interface XfccSettings {
  readonly enabled: boolean;
  /** SAN patterns of the hops that are believed. */
  readonly trustedPeers: readonly string[];
  /** Which element, from the right, 1 being the last; 0: there must be exactly one. */
  readonly depth: number;
  /**
   * Is the header believed of a connection that proves nothing at all? The waypoint of an ambient mesh is one: its
   * tunnel ends before the listener that asks, so that it shows no principal, and it overwrites the header with the
   * identity that the tunnel had (`ambient.istio.io/xfcc-include-client-identity`, Istio 1.30).
   *
   * - `never`, and when absent.
   * - `marked`: of requests with {@link XFCC_MARK}.
   * - `always`: of all that have no principal. Right only where every Envoy that asks overwrites the header. One
   *   plaintext or permissive listener that forwards it as it came lets every client be whom it likes.
   *
   * There has to be exactly one element, whatever `depth` says: where a client's own was kept there are two.
   */
  readonly trustEmptyPeer?: 'never' | 'marked' | 'always';
}

export function identify(proof: PeerProof, xfcc: XfccSettings): PeerIdentity {
  const direct = directPeer(proof);
  if (!xfcc.enabled) return direct;
  // A proof that cannot be read, or without names, is no absent one.
  if (direct === NO_PEER) return isEmptyTrusted(proof, xfcc) ? spokenFor(proof.forwardedClientCert, 0, direct) : direct;
  return isTrusted(direct, xfcc.trustedPeers) ? spokenFor(proof.forwardedClientCert, xfcc.depth, direct) : direct;
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

function isEmptyTrusted({ xfccMarked = false }: PeerProof, { trustEmptyPeer = 'never' }: XfccSettings): boolean {
  return trustEmptyPeer === 'always' || (trustEmptyPeer === 'marked' && xfccMarked);
}

/** Values of trusted hops seen lately: each of their clients has one. Reading one takes some microseconds. */
const MAX_FORWARDED = 4096;

const forwarded = new LRUCache<string, PeerIdentity>({
  max: MAX_FORWARDED,
  // 2 KiB for each on average; with a certificate in it, fewer are kept.
  maxSize: MAX_FORWARDED * 2 * 1024,
  sizeCalculation: (_, text) => text.length,
});

/** Whom the hop speaks for; the hop itself when it speaks for nobody. */
function spokenFor(lines: HeaderLines, depth: number, hop: PeerIdentity): PeerIdentity {
  if (lines.form === 'exact' && lines.lines.length === 0) return hop;
  // Envoy joins this header, so more than one line is somebody's trick.
  const value = lines.form === 'joined' ? lines.value : lines.lines.length === 1 ? lines.lines[0]! : '';
  const what = `${depth};${value}`;
  let peer = forwarded.get(what);
  if (peer === undefined) {
    // With the names of the peer in one text: they are slices of it.
    const own = ownCopy(what);
    peer = peerIn(own.slice(own.length - value.length), depth);
    forwarded.set(own, peer);
  }
  return peer;
}

function peerIn(value: string, depth: number): PeerIdentity {
  const elements = parseXfcc(value);
  if (elements === null || (depth === 0 && elements.length !== 1)) return UNREADABLE_PEER;
  const element = elements[depth === 0 ? 0 : elements.length - depth];
  return element === undefined ? UNREADABLE_PEER : peerOf(element);
}

function peerOf(element: XfccElement): PeerIdentity {
  const { uris, dnsNames, subject, certificate } = element;
  if (certificate === '') return identityOf(uris, [...uris, ...dnsNames, subject ?? ''], factsOf(element));
  const peer = identifyPeer('', certificate);
  return peer.certificate !== null && agrees(element, peer.certificate) ? peer : UNREADABLE_PEER;
}

/** The certificate has what the hop says of it: a name that was written into the header by another name has it not. */
function agrees({ uris, dnsNames, hash }: XfccElement, facts: CertificateFacts): boolean {
  return (
    (hash === null || hash === facts.sha256) &&
    (uris.length === 0 || keyOf(uris) === keyOf(facts.uris)) &&
    (dnsNames.length === 0 || keyOf(dnsNames) === keyOf(facts.dnsNames))
  );
}

function factsOf({ uris, dnsNames, subject, hash }: XfccElement): CertificateFacts | null {
  if (hash === null) return null;
  return {
    sha256: hash,
    serial: null,
    issuer: null,
    subject,
    notBeforeMs: null,
    notAfterMs: null,
    uris,
    dnsNames,
    emails: [],
    ipAddresses: [],
    // No hash begins with it, so facts that were said are never those that were read.
    key: `x${hash}${keyOf(uris)}${keyOf(dnsNames)}${keyOf(subject === null ? [] : [subject])}`,
  };
}
