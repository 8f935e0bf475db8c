/**
 * Rules as a mesh has them, and what is asked under them: ten rules for each service, each of which lets one caller use some
 * methods of one path, a prefix, or a template. Whether a question is allowed is decided here by looking at all rules of its
 * service, one after the other: by nothing that the server under test does.
 */
import type { Random } from '../lib/random.ts';
import { FRESH_ID } from '../lib/message.ts';

export interface Rule {
  readonly name: string;
  /** Number of the called service. */
  readonly service: number;
  /** Number of the service that calls. */
  readonly caller: number;
  readonly methods: readonly string[];
  readonly kind: 'exact' | 'prefix' | 'template';
  /** A prefix ends in `/`; of a template, `*` stands for exactly one segment. */
  readonly path: string;
}

/** What one request is about. */
export interface Question {
  readonly service: number;
  /** A SPIFFE ID's namespace and account. */
  readonly caller: Account;
  readonly method: string;
  readonly path: string;
}

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

const RULES_PER_SERVICE = 10;
const KINDS: readonly Rule['kind'][] = [
  ...Array<Rule['kind']>(5).fill('exact'),
  ...Array<Rule['kind']>(3).fill('prefix'),
  ...Array<Rule['kind']>(2).fill('template'),
];
const METHODS: Readonly<Record<Rule['kind'], readonly (readonly string[])[]>> = {
  exact: [['GET'], ['GET', 'HEAD'], ['POST'], ['GET']],
  prefix: [['GET'], ['GET', 'HEAD'], ['GET', 'POST'], ['GET', 'POST', 'PUT', 'DELETE']],
  template: [['GET'], ['POST'], ['PUT', 'PATCH']],
};
const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const THINGS =
  'orders users carts items prices stock invoices payments refunds shipments reviews coupons sessions devices';
const PARTS = 'items history status notes events lines tags files owner limits';
const VERBS = 'list search summary stats export config health count recent archive';
const [things, parts, verbs] = [THINGS.split(' '), PARTS.split(' '), VERBS.split(' ')];
const NAMESPACES = 16;
/** So many services call a service. */
const CALLERS = 4;
/** Also of few rules there is more than one caller. */
const LEAST_ACCOUNTS = 20;

export function accountOf(service: number): Account {
  return {
    namespace: `ns${String(service % NAMESPACES).padStart(2, '0')}`,
    name: `svc${String(service).padStart(5, '0')}`,
  };
}

export function makeRules(count: number, random: Random): Rule[] {
  const services = Math.ceil(count / RULES_PER_SERVICE);
  const accounts = Math.max(LEAST_ACCOUNTS, services);
  const rules: Rule[] = [];
  for (let service = 0; service < services; service++) {
    const callers = Array.from({ length: CALLERS }, () => random.int(accounts));
    for (const kind of KINDS) {
      if (rules.length === count) break;
      const start = `/api/v${random.int(3) + 1}/${random.pick(things)}/`;
      const path = {
        exact: `${start}${random.pick(verbs)}`,
        prefix: `${start}${random.pick(parts)}/`,
        template: `${start}*/${random.pick(parts)}`,
      }[kind];
      const name = `r${String(rules.length).padStart(6, '0')}`;
      rules.push({ name, service, caller: random.pick(callers), methods: random.pick(METHODS[kind]), kind, path });
    }
  }
  return rules;
}

/** One AccessPolicy for each service, by its account. */
export function policiesOf(rules: readonly Rule[]): string {
  return [...byService(rules)].map(([service, own]) => accessPolicy(service, own)).join('---\n');
}

function accessPolicy(service: number, rules: readonly Rule[]): string {
  const { name, namespace } = accountOf(service);
  const lines = [
    'apiVersion: portcullis.dev/v1',
    'kind: AccessPolicy',
    `metadata: { name: ${name}, namespace: ${namespace} }`,
    'spec:',
    `  serviceAccounts: [${name}]`,
    '  action: ALLOW',
    '  rules:',
  ];
  for (const rule of rules) {
    const caller = accountOf(rule.caller);
    const path = { exact: rule.path, prefix: `${rule.path}*`, template: rule.path.replace('*', '{*}') }[rule.kind];
    lines.push(
      `    - name: ${rule.name}`,
      `      from: [{ source: { principals: [cluster.local/ns/${caller.namespace}/sa/${caller.name}] } }]`,
      `      to: [{ operation: { methods: [${rule.methods.join(', ')}], paths: ["${path}"] } }]`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function byService(rules: readonly Rule[]): Map<number, Rule[]> {
  const services = new Map<number, Rule[]>();
  for (const rule of rules) {
    const own = services.get(rule.service);
    if (own === undefined) services.set(rule.service, [rule]);
    else own.push(rule);
  }
  return services;
}

export class Questions {
  readonly #rules: readonly Rule[];
  readonly #byService: ReadonlyMap<number, readonly Rule[]>;
  readonly #random: Random;
  /** How often a place in a path that takes anything gets an id that is a new one in each request. */
  readonly #freshIds: number;

  constructor(rules: readonly Rule[], random: Random, freshIds: number) {
    this.#rules = rules;
    this.#byService = byService(rules);
    this.#random = random;
    this.#freshIds = freshIds;
  }

  isAllowed({ service, caller, method, path }: Question): boolean {
    return (this.#byService.get(service) ?? []).some((rule) => {
      const from = accountOf(rule.caller);
      if (from.name !== caller.name || from.namespace !== caller.namespace) return false;
      return rule.methods.includes(method) && matches(rule, path);
    });
  }

  /** Up to `count` different ones that are allowed, or denied; fewer when the rules have no more. */
  make(count: number, allowed: boolean): Question[] {
    const found = new Map<string, Question>();
    for (let tries = 0; found.size < count && tries < 50 * count; tries++) {
      const question = allowed ? this.#asked() : this.#altered();
      if (this.isAllowed(question) === allowed) found.set(JSON.stringify(question), question);
    }
    return [...found.values()];
  }

  #asked(): Question {
    const rule = this.#random.pick(this.#rules);
    const { service, kind, methods } = rule;
    const path = {
      exact: () => rule.path,
      prefix: () => `${rule.path}${this.#segment()}${this.#random.chance(1 / 3) ? '/detail' : ''}`,
      template: () => rule.path.replace('*', this.#segment()),
    }[kind]();
    return { service, caller: accountOf(rule.caller), method: this.#random.pick(methods), path };
  }

  /** One that a rule allows, with something wrong in it. */
  #altered(): Question {
    const right = this.#asked();
    const random = this.#random;
    switch (random.int(5)) {
      case 0:
        return { ...right, caller: accountOf(random.pick(this.#rules).caller) };
      case 1:
        return { ...right, method: random.pick(ALL_METHODS) };
      case 2:
        return { ...right, path: `${right.path}/${this.#segment()}/x` };
      case 3:
        return { ...right, path: `/admin/${this.#segment()}` };
      default:
        return { ...right, caller: { namespace: 'unknown', name: `intruder${random.int(40)}` } };
    }
  }

  #segment(): string {
    if (this.#random.chance(this.#freshIds)) return FRESH_ID;
    return this.#random.chance(0.5)
      ? String(1000 + this.#random.int(900_000))
      : `${this.#random.pick(things)}-${this.#random.int(1000)}`;
  }
}

function matches({ kind, path: wanted }: Rule, path: string): boolean {
  if (kind === 'exact') return path === wanted;
  if (kind === 'prefix') return path.startsWith(wanted);
  const [asked, pattern] = [path.split('/'), wanted.split('/')];
  return (
    asked.length === pattern.length && pattern.every((part, i) => (part === '*' ? asked[i] !== '' : part === asked[i]))
  );
}
