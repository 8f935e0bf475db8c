/** How a caller without a good proof is asked for one: a challenge for programs, the way to the login page for browsers. */
import type { HeaderLines } from '../attributes/header-lines.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';

/** `identity.answers` of the configuration; empty texts: none. */
export interface AskForProofSettings {
  readonly resourceMetadata: string;
  readonly scope: string;
  readonly loginUrl: string;
  readonly loginReturnParameter: string;
  /** `NAME`, `NAME:PORT` or `*.NAME`, in lower case. */
  readonly loginHosts: readonly string[];
}

/** Of the address that was asked for; with every byte escaped, three times as much. Common servers take 8 KiB of a line. */
const MAX_TARGET_LENGTH = 2048;
/** What browsers send is about 150 characters. */
const MAX_ACCEPT_LENGTH = 1024;

export class AskForProof {
  /** Behind the realm and the error (RFC 6750 §3, RFC 9728 §5.1). */
  readonly #parameters: string;
  readonly #login: LoginPage | null;

  constructor(settings: AskForProofSettings) {
    const { resourceMetadata, scope, loginUrl } = settings;
    this.#parameters =
      (scope === '' ? '' : `, scope="${scope}"`) +
      // As a URL is serialized, it has no quotes.
      (resourceMetadata === '' ? '' : `, resource_metadata="${new URL(resourceMetadata).href}"`);
    this.#login = loginUrl === '' ? null : new LoginPage(settings);
  }

  /**
   * Does the answer depend on more of the request than the rules and the challenge read? Then it is made for that
   * request alone, and never kept.
   */
  get sendsToLogin(): boolean {
    return this.#login !== null;
  }

  /** Value of WWW-Authenticate. `error`: what is wrong with the proof that came; null: none came (RFC 6750 §3.1). */
  challenge(error: string | null, description: string | null): string {
    const code = error === null ? '' : `, error="${error}"`;
    const words = description === null ? '' : `, error_description="${quotable(description)}"`;
    return `Bearer realm="portcullis"${code}${words}${this.#parameters}`;
  }

  /** Where to send the one who asks, for status 302; null: it is no browser that opens a page. */
  loginFor(request: RequestAttributes): string | null {
    return this.#login?.locationFor(request) ?? null;
  }
}

export const JUST_REFUSE = new AskForProof({
  resourceMetadata: '',
  scope: '',
  loginUrl: '',
  loginReturnParameter: '',
  loginHosts: [],
});

/** RFC 6750 §3: printable ASCII without quotes and backslashes. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ').slice(0, 200);
}

interface HostPattern {
  /** With a leading dot: any name that ends so. */
  readonly name: string;
  readonly port: number;
}

class LoginPage {
  readonly #url: URL;
  /** Of the pages that people come from: as that of the login page, for a request does not prove how it came. */
  readonly #defaultPort: number;
  readonly #parameter: string;
  readonly #hosts: readonly HostPattern[];

  constructor({ loginUrl, loginReturnParameter, loginHosts }: AskForProofSettings) {
    this.#url = new URL(loginUrl);
    this.#defaultPort = this.#url.protocol === 'http:' ? 80 : 443;
    this.#parameter = loginReturnParameter;
    this.#hosts = loginHosts.map((pattern) => {
      const [name = '', port] = pattern.split(':');
      return { name: name.startsWith('*.') ? name.slice(1) : name, port: this.#portOf(port ?? null) };
    });
  }

  locationFor(request: RequestAttributes): string | null {
    if (request.method !== 'GET' || request.hasAuthorization || !opensPage(request)) return null;
    const host = this.#hostOf(request);
    const { target } = request.source;
    // What is no ordinary target is not handed on: somebody else might read it in another way.
    if (host === null || target.length > MAX_TARGET_LENGTH || !/^\/[\x21-\x7e]*$/.test(target)) return null;
    if (this.#isLogin(host, request)) return null;
    const { href, search, protocol } = this.#url;
    const back = `${protocol}//${host}${target}`;
    const separator = search !== '' ? '&' : href.endsWith('?') ? '' : '?';
    return `${href}${separator}${this.#parameter}=${escaped(back)}`;
  }

  /** As a URL has it, when it is one that may be come back to; else null. */
  #hostOf({ host }: RequestAttributes): string | null {
    if (host === null || !/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(host.name)) return null;
    const port = this.#portOf(host.port);
    const isListed = this.#hosts.some(
      (each) =>
        each.port === port && (each.name.startsWith('.') ? host.name.endsWith(each.name) : host.name === each.name),
    );
    if (!isListed) return null;
    return port === this.#defaultPort ? host.name : `${host.name}:${port}`;
  }

  /** The login page is not sent to itself. */
  #isLogin(host: string, { pathForms }: RequestAttributes): boolean {
    if (host !== this.#url.host) return false;
    const own = withoutSlash(this.#url.pathname);
    return pathForms === null || pathForms.some((path) => withoutSlash(path) === own);
  }

  #portOf(port: string | null): number {
    return port === null ? this.#defaultPort : Number(port);
  }
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** All but the unreserved characters of RFC 3986 §2.3. */
function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * Does a browser open a page, as far as can be told? `Sec-Fetch-Mode` says so (Fetch Metadata §2.2); a browser without
 * it wants HTML more than anything else, which no program says by accident.
 */
function opensPage(request: RequestAttributes): boolean {
  const mode = lineOf(request.header('sec-fetch-mode'));
  if (mode !== '') return mode === 'navigate';
  const accept = lineOf(request.header('accept'));
  return accept !== null && accept.length <= MAX_ACCEPT_LENGTH && prefersHtml(accept);
}

/** null: more than one line. Empty: none. */
function lineOf(header: HeaderLines): string | null {
  if (header.form === 'joined' || header.lines.length > 1) return null;
  return header.lines[0] ?? '';
}

/** `text/html` stands before all that is wanted as much (RFC 9110 §12.5.1). */
function prefersHtml(accept: string): boolean {
  let best = 0;
  let bestRange = '';
  for (const each of accept.split(',')) {
    const [range = '', ...parameters] = each.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    if (!(quality > best && quality <= 1)) continue;
    best = quality;
    bestRange = range;
  }
  return bestRange === 'text/html';
}
