/**
 * Which patterns of each dimension a request matches: a superset of those by which a field of a rule can
 * hold, and of those by which a `not…` field certainly fails. What holds decides `match/holds.ts`.
 */
import { unmapIpv4 } from '../../attributes/address.ts';
import type { IpAddress } from '../../attributes/address.ts';
import { claimStrings, claimTexts, isClaimMap } from '../../attributes/claim.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { joinedParts } from '../../attributes/header-lines.ts';
import { UNREADABLE_PEER } from '../../attributes/peer-identity.ts';
import type { SpiffeId } from '../../attributes/peer-identity.ts';
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import { DIMENSION_COUNT, DIMENSION_TABLES, TABLE, TABLE_COUNT } from './dimensions.ts';
import type { Dimension } from './dimensions.ts';
import { GROUP_CLAIMS, GROUP_SPIFFE_IDS, GROUP_SUBJECTS } from './group-tables.ts';
import { claimTableName, FIRST_NAMED_TABLE } from './pattern-kinds.ts';
import type { Found, PatternReader, PatternTable } from './pattern-reader.ts';
import type { Postings } from './postings.ts';

/** The names under which headers, claims and claims of groups are asked for. */
export interface AskedNames {
  readonly headers: readonly string[];
  readonly claims: readonly (readonly string[])[];
  readonly groupClaims: readonly (readonly string[])[];
}

/** Up to so many names are looked up one by one; past it, those that the request has are. */
const FEW_NAMES = 16;

export interface Look {
  /** Patterns by which a field can hold. */
  readonly found: Found;
  /** More of these, for a DENY only. */
  readonly deniesOnly: Found;
  /** Patterns that match in every reading, so that a `not…` field with one of them fails. */
  readonly certain: Found;
}

export class RequestPatterns {
  readonly #patterns: PatternReader;
  readonly #postings: Postings;
  readonly #names: AskedNames;
  /** Names of pseudo headers, which a request does not list. */
  readonly #pseudo: readonly string[];
  /** By table: the pattern that stands for anything in it, or -1. */
  readonly #anchors: Int32Array;
  readonly #looks: Look[] = [];
  #done = 0;
  #request: RequestAttributes | null = null;

  constructor(patterns: PatternReader, postings: Postings, names: AskedNames) {
    this.#patterns = patterns;
    this.#postings = postings;
    this.#names = names;
    this.#anchors = Int32Array.from({ length: TABLE_COUNT }, (_, table) => patterns.anchor(table));
    this.#pseudo = names.headers.filter((name) => name.startsWith(':'));
    for (let i = 0; i < DIMENSION_COUNT; i++) this.#looks.push({ found: [], deniesOnly: [], certain: [] });
  }

  /** What is looked up is kept until another request is asked about; the result is valid until then. */
  look(dimension: Dimension, request: RequestAttributes): Look {
    if (this.#request !== request) {
      this.#request = request;
      this.#done = 0;
    }
    const look = this.#looks[dimension]!;
    if (((this.#done >>> dimension) & 1) === 1) return look;
    look.found.length = 0;
    look.deniesOnly.length = 0;
    look.certain.length = 0;
    for (const table of DIMENSION_TABLES[dimension]!) this.#fill(table, request, look);
    this.#done |= 1 << dimension;
    return look;
  }

  /** Adds what one table has. */
  #fill(number: number, request: RequestAttributes, look: Look): void {
    if (number === TABLE.header) {
      this.#headers(request, look);
      return;
    }
    if (number === TABLE.claim) {
      this.#claims(request, look);
      return;
    }
    const patterns = this.#patterns;
    const table = patterns.table(number);
    if (table === null) return;
    const { found } = look;
    const before = found.length;
    switch (number) {
      case TABLE.method:
        patterns.matchString(table, request.method, found);
        break;
      case TABLE.istioHost:
        if (request.authority !== '') patterns.matchString(table, request.authorityLowerCase, found);
        break;
      case TABLE.accessHost:
        if (request.host === null) this.#open(number, look.deniesOnly);
        else if (request.host.name !== '') patterns.matchString(table, request.host.name, found);
        break;
      case TABLE.istioPath:
        if (request.path !== '') patterns.matchPath(table, request.path, found);
        break;
      case TABLE.accessPath:
        if (!this.#accessPath(table, request, look)) return;
        break;
      case TABLE.peerId:
      case TABLE.peerNamespace:
      case TABLE.peerTrustDomain:
      case TABLE.peerAccount:
        if (request.peer === UNREADABLE_PEER) this.#open(number, look.deniesOnly);
        else if (!request.peer.names.every((name) => patterns.matchPeer(table, name, found))) {
          this.#open(number, found);
          return;
        }
        break;
      case TABLE.group:
        this.#groups(request, look);
        return;
      case TABLE.requestPrincipal: {
        const token = request.tokenSubject;
        if (token !== null) patterns.matchRequestPrincipal(table, token.issuer, token.subject, found);
        break;
      }
      case TABLE.sourceIp:
        if (!this.#address(table, request.sourceIp, true, found)) return;
        break;
      case TABLE.remoteIp:
        if (!this.#address(table, request.remoteIp.address, request.remoteIp.certain, found)) return;
        break;
      case TABLE.destinationIp:
        if (!this.#address(table, request.destinationIp, true, found)) return;
        break;
      case TABLE.port:
        patterns.matchString(table, String(request.destinationPort), found);
        break;
      case TABLE.sni:
        if (request.sni !== '') patterns.matchString(table, request.sni, found);
        break;
      default:
        if (!this.#spiffe(number, table, request, look)) return;
    }
    for (let i = before; i < found.length; i++) look.certain.push(found[i]!);
  }

  /** Anything in the table may match. */
  #open(table: number, found: Found): void {
    const anchor = this.#anchors[table]!;
    if (anchor >= 0) found.push(anchor);
  }

  /** These tell whether what they found is certain. */
  #accessPath(table: PatternTable, request: RequestAttributes, look: Look): boolean {
    if (request.path === '') return true;
    const forms = request.pathForms;
    if (forms === null) {
      this.#open(table.number, look.deniesOnly);
      return false;
    }
    for (const form of forms) this.#patterns.matchPath(table, form, look.found);
    return forms.length === 1;
  }

  #spiffe(number: number, table: PatternTable, request: RequestAttributes, look: Look): boolean {
    if (request.peer === UNREADABLE_PEER) {
      this.#open(number, look.deniesOnly);
      return false;
    }
    for (const id of request.peer.spiffeIds) {
      const part = partOf(id, number);
      if (part !== null) this.#patterns.matchSpiffe(table, part, look.found);
    }
    return request.peer.spiffeId !== null;
  }

  #address(table: PatternTable, address: IpAddress | null, certain: boolean, found: Found): boolean {
    if (address === null) return true;
    this.#patterns.matchAddress(table, address, found);
    const v4 = unmapIpv4(address);
    if (v4 !== null) this.#patterns.matchAddress(table, v4, found);
    return certain && v4 === null;
  }

  #headers(request: RequestAttributes, look: Look): void {
    const { headers } = this.#names;
    if (headers.length <= FEW_NAMES) {
      for (const name of headers) this.#header(name, request, look);
      return;
    }
    for (const name of this.#pseudo) this.#header(name, request, look);
    for (const name of request.source.headerNames()) if (!name.startsWith(':')) this.#header(name, request, look);
  }

  #header(name: string, request: RequestAttributes, look: Look): void {
    const number = this.#patterns.namedTable(TABLE.header, name);
    const table = number < 0 ? null : this.#patterns.table(number);
    if (table === null) return;
    const lines = request.header(name);
    if (lines.form === 'exact') {
      const before = look.found.length;
      // The same line again finds nothing new, and a request may have hundreds of them.
      for (const line of new Set(lines.lines)) this.#patterns.matchString(table, line, look.found);
      if (lines.lines.length === 1) for (let i = before; i < look.found.length; i++) look.certain.push(look.found[i]!);
      if (lines.lines.length > 1) this.#patterns.matchString(table, lines.lines.join(','), look.deniesOnly);
      return;
    }
    const parts = joinedParts(lines.value);
    // Too long to be taken apart: it may be anything, which denies and never allows.
    if (parts === null) look.deniesOnly.push(number - FIRST_NAMED_TABLE);
    else this.#patterns.matchJoined(table, lines.value, parts, look.found);
  }

  #claims(request: RequestAttributes, look: Look): void {
    const { claims } = request;
    if (claims === null) return;
    this.#eachClaim(TABLE.claim, this.#names.claims, claims, (number, claim) => {
      const table = this.#patterns.table(number);
      if (table === null) return;
      // One table for both kinds of policy: a number is a text to an AccessPolicy only, and no certain one.
      for (const text of claimTexts(claim)) this.#patterns.matchString(table, text, look.found);
      for (const text of claimStrings(claim)) this.#patterns.matchString(table, text, look.certain);
    });
  }

  /** Calls `visit` with the table and the value of each claim that is asked for and there. */
  #eachClaim(
    dimension: number,
    paths: AskedNames['claims'],
    claims: ClaimMap,
    visit: (table: number, claim: Claim) => void,
  ): void {
    if (paths.length > FEW_NAMES) {
      this.#walkClaims(dimension, '', claims, visit);
      return;
    }
    for (const path of paths) {
      let claim: Claim | undefined = claims;
      for (const step of path) claim = isClaimMap(claim) ? claim.get(step) : undefined;
      const table = claim === undefined ? -1 : this.#patterns.namedTable(dimension, claimTableName(path));
      if (claim !== undefined && table >= 0) visit(table, claim);
    }
  }

  #walkClaims(dimension: number, above: string, claims: ClaimMap, visit: (table: number, claim: Claim) => void): void {
    for (const [step, claim] of claims) {
      const name = above + claimTableName([step]);
      const table = this.#patterns.namedTable(dimension, name);
      if (table >= 0) visit(table, claim);
      if (isClaimMap(claim)) this.#walkClaims(dimension, name, claim, visit);
    }
  }

  #groups(request: RequestAttributes, look: Look): void {
    const { peer, claims } = request;
    const members: Found = [];
    const spiffe = this.#patterns.table(GROUP_SPIFFE_IDS);
    if (spiffe !== null) for (const { id } of peer.spiffeIds) this.#patterns.matchSpiffe(spiffe, id, members);
    const issuer = claims?.get('iss');
    if (claims !== null && typeof issuer === 'string') this.#groupsOfToken(issuer, claims, members);
    for (const member of members)
      this.#postings.some(this.#patterns.wanted[member]!, (group) => {
        if (!look.found.includes(group)) look.found.push(group);
        return false;
      });
    if (peer === UNREADABLE_PEER) this.#open(TABLE.group, look.deniesOnly);
    else if (peer.spiffeId !== null || peer.uris.length === 0) copy(look.found, look.certain);
  }

  #groupsOfToken(issuer: string, claims: ClaimMap, members: Found): void {
    const subject = claims.get('sub');
    const subjects = this.#patterns.table(GROUP_SUBJECTS);
    if (subjects !== null && typeof subject === 'string')
      this.#patterns.matchRequestPrincipal(subjects, issuer, subject, members);
    this.#eachClaim(GROUP_CLAIMS, this.#names.groupClaims, claims, (number, claim) => {
      const table = this.#patterns.table(number);
      if (table === null) return;
      for (const text of claimTexts(claim)) this.#patterns.matchRequestPrincipal(table, issuer, text, members);
    });
  }

  /** The patterns of one header's table that its one line matches. For cache keys. */
  headerClass(name: string, line: string, found: Found): void {
    const number = this.#patterns.namedTable(TABLE.header, name);
    const table = number < 0 ? null : this.#patterns.table(number);
    if (table !== null) this.#patterns.matchString(table, line, found);
  }

  /**
   * The patterns of one claim's table that its strings match. For cache keys. False: another of its texts matches more,
   * which is so for an AccessPolicy only.
   */
  claimClass(path: readonly string[], claim: Claim | undefined, found: Found): boolean {
    const number = this.#patterns.namedTable(TABLE.claim, claimTableName(path));
    const table = number < 0 ? null : this.#patterns.table(number);
    if (table === null) return true;
    const strings = claimStrings(claim);
    const texts = claimTexts(claim);
    for (const text of strings) this.#patterns.matchString(table, text, found);
    if (texts.length === strings.length) return true;
    const ofStrings = new Set(found);
    for (const text of texts) this.#patterns.matchString(table, text, found);
    return found.every((pattern) => ofStrings.has(pattern));
  }
}

function copy(from: Found, to: Found): void {
  for (const pattern of from) to.push(pattern);
}

function partOf(id: SpiffeId, table: number): string | null {
  switch (table) {
    case TABLE.spiffeId:
      return id.id;
    case TABLE.spiffeNamespace:
      return id.namespace;
    case TABLE.spiffeTrustDomain:
      return id.trustDomain;
    default:
      return id.namespace === null ? null : `${id.namespace}/${id.serviceAccount}`;
  }
}
