/**
 * What stood in the way of a rule, in words. The service names the place (`to[0].operation.paths`), what the rule wants there
 * and what the request has.
 */

export interface FailedField {
  readonly field: string;
  readonly wanted: readonly string[];
  readonly actual: string;
}

/** In the order in which a rule asks them: what fails at a later one came nearer to a match. */
const STAGES = ['from', 'to', 'when', 'condition', 'valid'] as const;

type Stage = (typeof STAGES)[number];

export interface FieldPlace {
  readonly stage: Stage | null;
  /** `principals`, `paths`; of a condition the key: `request.headers[x-preview]`. */
  readonly name: string;
  /** The rule wants something else than the values. */
  readonly negated: boolean;
}

export function placeOf(field: string): FieldPlace {
  const stage = STAGES.find((each) => field === each || field.startsWith(`${each}[`)) ?? null;
  const key = /^when\[\d+\]\[(.*)\]\.(values|notValues)$/.exec(field);
  if (key !== null) return { stage, name: key[1]!, negated: key[2] === 'notValues' };
  const last = field.slice(field.lastIndexOf('.') + 1);
  if (!/^not[A-Z]/.test(last)) return { stage, name: last, negated: false };
  return { stage, name: last.charAt(3).toLowerCase() + last.slice(4), negated: true };
}

const SUBJECTS: Readonly<Record<string, string>> = {
  principals: 'the caller',
  namespaces: "the caller's namespace",
  serviceAccounts: "the caller's service account",
  trustDomains: "the caller's trust domain",
  groups: "the caller's group",
  requestPrincipals: 'the token (issuer/subject)',
  ipBlocks: 'the source address',
  remoteIpBlocks: 'the client address',
  methods: 'the method',
  hosts: 'the host',
  paths: 'the path',
  ports: 'the port',
  condition: 'the condition',
  valid: 'the time',
};

/** What the place is about: `the path`, `the header x-preview`, `the claim region`. */
export function subjectOf(field: string): string {
  const { name } = placeOf(field);
  const header = /^request\.headers\[(.+)\]$/.exec(name);
  if (header !== null) return `the header ${header[1]!}`;
  const claim = /^request\.auth\.claims((?:\[[^\]]*\])+)$/.exec(name);
  if (claim !== null) return `the claim ${claim[1]!.slice(1, -1).replaceAll('][', ' → ')}`;
  return SUBJECTS[name] ?? name;
}

/** How far a rule came: higher is nearer to a match. */
export function nearness({ field }: FailedField): number {
  const { stage } = placeOf(field);
  return stage === null ? -1 : STAGES.indexOf(stage);
}
