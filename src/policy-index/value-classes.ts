/**
 * Classes of values that the rules of a scope cannot tell apart: those that match the same patterns. A cache
 * key holds the class, so that a fresh id in each path still finds the decision made for another.
 */
import { unmapIpv4 } from '../attributes/address.ts';
import type { IpAddress } from '../attributes/address.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Read } from '../policy/compile/read-set.ts';
import { TABLE } from './flat/dimensions.ts';
import type { FlatSnapshot } from './flat/flat-snapshot.ts';
import type { Found } from './flat/pattern-reader.ts';

export class ValueClasses {
  readonly #flat: FlatSnapshot;
  /** Of each attachment: the patterns that its rules compare with. */
  readonly #scopes: readonly number[];
  readonly #found: Found = [];

  constructor(flat: FlatSnapshot, scopes: readonly number[]) {
    this.#flat = flat;
    this.#scopes = scopes.filter((reference) => reference !== 0);
  }

  /** The class of what is read, self-delimiting; null: only the value itself will do. */
  classOf(read: Read, request: RequestAttributes): string | null {
    const found = this.#found;
    found.length = 0;
    return this.#find(read, request, found) ? this.#text(found) : null;
  }

  /** False: a value with several readings, or one that is no value of its kind. */
  #find(read: Read, request: RequestAttributes, found: Found): boolean {
    const { patterns, requests } = this.#flat;
    switch (read.kind) {
      case 'path': {
        const { path } = request;
        const forms = request.pathForms;
        if (path === '' || forms === null || forms.length > 1) return false;
        for (const dimension of [TABLE.istioPath, TABLE.accessPath]) {
          const table = patterns.table(dimension);
          if (table !== null) patterns.matchPath(table, path, found);
        }
        return true;
      }
      case 'host': {
        const { host, authority } = request;
        if (authority === '' || host === null || host.name === '') return false;
        const asWritten = patterns.table(TABLE.istioHost);
        if (asWritten !== null) patterns.matchString(asWritten, request.authorityLowerCase, found);
        const normal = patterns.table(TABLE.accessHost);
        if (normal !== null) patterns.matchString(normal, host.name, found);
        return true;
      }
      case 'sourceIp':
        return this.#address(TABLE.sourceIp, request.sourceIp, found);
      case 'remoteIp':
        return request.remoteIp.certain && this.#address(TABLE.remoteIp, request.remoteIp.address, found);
      case 'tokenSubject': {
        const token = request.tokenSubject;
        const table = patterns.table(TABLE.requestPrincipal);
        if (token !== null && table !== null) patterns.matchRequestPrincipal(table, token.issuer, token.subject, found);
        // Somebody and nobody differ in more than patterns: with a token there is none to bring.
        return token !== null;
      }
      case 'header': {
        const lines = request.header(read.name);
        if (lines.form === 'joined' || lines.lines.length !== 1) return false;
        requests.headerClass(read.name, lines.lines[0]!, found);
        return true;
      }
      case 'claim':
        return requests.claimClass(read.path, request.claim(read.path), found);
      default:
        return false;
    }
  }

  #address(dimension: number, address: IpAddress | null, found: Found): boolean {
    if (address === null || unmapIpv4(address) !== null) return false;
    const table = this.#flat.patterns.table(dimension);
    if (table !== null) this.#flat.patterns.matchAddress(table, address, found);
    return true;
  }

  /** Patterns of other workloads' rules do not count. */
  #text(found: Found): string {
    if (found.length > 1) found.sort((a, b) => a - b);
    let text = '';
    let last = -1;
    for (const pattern of found) {
      if (pattern === last || !this.#counts(pattern)) continue;
      last = pattern;
      text += `${pattern},`;
    }
    return `${text};`;
  }

  #counts(pattern: number): boolean {
    for (const reference of this.#scopes) if (this.#flat.postings.has(reference, pattern)) return true;
    return false;
  }
}
