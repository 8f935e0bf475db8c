/** CheckRequests in the shape in which the real Envoy sent them (recorded/), about other callers, services and paths. */
import { createHash, X509Certificate } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { createAuthority, spiffeId } from '../../test/e2e/support/certificates.ts';
import { createTokenIssuer } from '../../test/e2e/support/tokens.ts';
import { random as randomOf, zipf } from '../lib/random.ts';
import type { Random } from '../lib/random.ts';
import { readRecorded } from './recorded/read.ts';
import type { ShapeName } from './recorded/read.ts';
import type { Request } from './request-file.ts';
import { accountOf, makeRules, policiesOf, Questions } from './rules.ts';
import type { Account, Question } from './rules.ts';

export interface TrafficOptions {
  readonly shape: ShapeName;
  readonly rules: number;
  /** How many requests are made, which are then sent again and again. */
  readonly requests: number;
  /** Different questions that they are drawn from, by Zipf's law. */
  readonly questions: number;
  /** Share of the requests that must be denied, 0 to 1. */
  readonly denied: number;
  /** Share of the path segments that take anything which are a new id in each request, 0 to 1. */
  readonly freshIds: number;
  readonly seed: number;
}

export const DEFAULT_TRAFFIC: TrafficOptions = {
  shape: 'recommended',
  rules: 1000,
  requests: 20_000,
  questions: 10_000,
  denied: 0.05,
  freshIds: 0,
  seed: 1,
};

export interface Traffic {
  /** A file of policies, YAML. */
  readonly policies: string;
  readonly requests: readonly Request[];
  /** How many different questions are among the requests. */
  readonly questions: number;
}

const TRUST_DOMAIN = 'cluster.local';
const EXPONENT = 1.1;
/** Of the different questions: those that are denied are less different than those that are allowed. */
const DENIED_QUESTIONS = 0.1;
const TOKENS = 500;
const ISSUER = 'https://login.example.com';
const AUDIENCE = 'shop';

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'Go-http-client/2.0',
  'okhttp/5.1.0',
];

/** The same options make the same questions; certificates, tokens and their signatures are new ones. */
export function makeTraffic(options: TrafficOptions): Traffic {
  const random = randomOf(options.seed);
  const rules = makeRules(options.rules, random);
  const maker = new Questions(rules, random, options.freshIds);
  const deniedKinds = options.denied === 0 ? 0 : Math.max(1, Math.round(options.questions * DENIED_QUESTIONS));
  const allowed = maker.make(options.questions - deniedKinds, true);
  const denied = maker.make(deniedKinds, false);
  const [drawAllowed, drawDenied] = [zipf(allowed.length, EXPONENT), zipf(Math.max(1, denied.length), EXPONENT)];
  const writer = new RequestWriter(options.shape, random);
  const used = new Set<Question>();
  const requests = Array.from({ length: options.requests }, () => {
    const isDenied = denied.length > 0 && random.chance(options.denied);
    const question = isDenied ? denied[drawDenied(random)]! : allowed[drawAllowed(random)]!;
    used.add(question);
    return { bytes: writer.write(question), allowed: !isDenied };
  });
  return { policies: writer.identity + policiesOf(rules), requests, questions: used.size };
}

interface Claims {
  readonly sub: string;
  readonly exp: number;
}

/** The recorded message as protobufjs has it, as far as it is written anew. */
interface Attributes {
  readonly source: { address: unknown; principal: string; certificate?: string };
  readonly destination: { address: unknown; principal: string };
  readonly request: {
    time: unknown;
    readonly http: {
      id: string;
      method: string;
      path: string;
      host: string;
      headers?: Record<string, string>;
      headerMap?: { headers: { key: string; rawValue: Uint8Array }[] };
    };
  };
  contextExtensions?: Record<string, string>;
  readonly metadataContext: {
    readonly filterMetadata?: Record<
      string,
      { fields: { payload: { structValue: { fields: Record<string, unknown> } } } }
    >;
  };
}

interface ShownCertificate {
  /** PEM in percent-encoding, as Envoy hands it on. */
  readonly encoded: string;
  /** As Envoy writes it into x-forwarded-client-cert. */
  readonly hash: string;
}

class RequestWriter {
  readonly #type = checkRequestType();
  readonly #recorded: Attributes;
  readonly #random: Random;
  readonly #authority = createAuthority('root of cluster.local');
  readonly #certificates = new Map<string, ShownCertificate>();
  readonly #issuer = createTokenIssuer(ISSUER);
  readonly #tokens: readonly { readonly token: string; readonly claims: Claims }[];

  constructor(shape: ShapeName, random: Random) {
    this.#random = random;
    const message = this.#type.decode(Buffer.from(readRecorded().shapes[shape].message, 'base64'));
    this.#recorded = (this.#type.toObject(message, { longs: String }) as { attributes: Attributes }).attributes;
    const exp = Math.floor(Date.now() / 1000) + 24 * 3600;
    this.#tokens = Array.from({ length: shape === 'token' ? TOKENS : 0 }, (_, i) => {
      const claims = { sub: `user-${String(i).padStart(4, '0')}`, exp };
      const scope = 'orders.read orders.write';
      return { claims, token: this.#issuer.sign({ ...claims, aud: AUDIENCE, scope, iat: exp - 24 * 3600 }) };
    });
  }

  /** What a server needs to know to verify the tokens itself. */
  get identity(): string {
    if (this.#tokens.length === 0) return '';
    const spec = { issuer: ISSUER, jwt: { audiences: [AUDIENCE], jwks: this.#issuer.jwks, algorithms: ['ES256'] } };
    return [
      'apiVersion: portcullis.dev/v1',
      'kind: IdentityProvider',
      'metadata: { name: login, namespace: istio-system }',
      `spec: ${JSON.stringify(spec)}`,
      '---\n',
    ].join('\n');
  }

  write(question: Question): Buffer {
    const random = this.#random;
    const attributes = structuredClone(this.#recorded);
    const { source, destination, request } = attributes;
    const called = accountOf(question.service);
    const caller = idOf(question.caller);
    const host = `${called.name}.${called.namespace}.svc.cluster.local:8080`;
    // Three bytes as a varint, like every port that is put there in its place.
    source.address = socketAddress(`10.${random.int(4)}.${random.int(256)}.${1 + random.int(254)}`, 40_000);
    source.principal = caller;
    const certificate = this.#certificateOf(question.caller);
    if (source.certificate !== undefined) source.certificate = certificate.encoded;
    destination.address = socketAddress('10.4.7.21', 8443);
    destination.principal = idOf(called);
    request.time = { seconds: Math.floor(Date.now() / 1000), nanos: 500_000_000 };
    const token = this.#tokens.length === 0 ? null : random.pick(this.#tokens);
    const [trace, span] = [this.#hex(32), this.#hex(16)];
    const client = `203.0.113.${random.int(256)}`;
    const lines: Readonly<Record<string, string>> = {
      ':method': question.method,
      ':path': question.path,
      ':authority': host,
      cookie: `session=${this.#hex(32)}; theme=dark`,
      traceparent: `00-${trace}-${span}-01`,
      'user-agent': random.pick(AGENTS),
      'x-b3-spanid': span,
      'x-b3-traceid': trace,
      'x-envoy-external-address': client,
      'x-forwarded-for': client,
      'x-forwarded-client-cert': `By=${idOf(called)};Hash=${certificate.hash};Subject="";URI=${caller}`,
      ...(token === null ? {} : { authorization: `Bearer ${token.token}` }),
    };
    const { http } = request;
    Object.assign(http, { id: this.#digits(20), method: question.method, path: question.path, host });
    for (const [name, value] of Object.entries(lines)) {
      if (http.headers !== undefined && name in http.headers) http.headers[name] = value;
      const line = http.headerMap?.headers.find(({ key }) => key === name);
      if (line !== undefined) line.rawValue = Buffer.from(value);
    }
    if (attributes.contextExtensions !== undefined) {
      const { namespace, name } = called;
      const entries = Object.entries({ namespace, serviceAccount: name, 'label.app': name });
      // A map has no order, and Envoy writes its entries in another one each time.
      attributes.contextExtensions = Object.fromEntries(shuffled(entries, random));
    }
    if (token !== null) {
      const { fields } =
        attributes.metadataContext.filterMetadata!['envoy.filters.http.jwt_authn']!.fields.payload.structValue;
      fields['sub'] = { stringValue: token.claims.sub };
      fields['exp'] = { numberValue: token.claims.exp };
    }
    return Buffer.from(this.#type.encode(this.#type.fromObject({ attributes })).finish());
  }

  /** Each caller has one. */
  #certificateOf(caller: Account): ShownCertificate {
    const id = idOf(caller);
    let shown = this.#certificates.get(id);
    if (shown === undefined) {
      const { certificate } = this.#authority.issue({ uris: [id] });
      const hash = createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
      shown = { encoded: encodeURIComponent(certificate), hash };
      this.#certificates.set(id, shown);
    }
    return shown;
  }

  #hex(digits: number): string {
    let text = '';
    while (text.length < digits)
      text += this.#random
        .int(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return text.slice(0, digits);
  }

  /** None is 0: the number has as many digits as it says. */
  #digits(count: number): string {
    return Array.from({ length: count }, () => 1 + this.#random.int(9)).join('');
  }
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values];
  return values.map(() => left.splice(random.int(left.length), 1)[0]!);
}

function idOf({ namespace, name }: Account): string {
  return spiffeId(TRUST_DOMAIN, namespace, name);
}

function socketAddress(address: string, portValue: number): unknown {
  return { socketAddress: { address, portValue } };
}

function checkRequestType(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../../proto/${target}`, import.meta.url));
  return root.loadSync('envoy/service/auth/v3/external_auth.proto').lookupType('envoy.service.auth.v3.CheckRequest');
}
