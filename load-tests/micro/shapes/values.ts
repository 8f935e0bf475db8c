/** (e) Rules for the whole mesh about values of headers and claims. */
import type { Json } from '../../../test/extauthz/support/messages.ts';
import type { Ask } from '../../../test/extauthz/support/engine.ts';
import type { Random } from '../../lib/random.ts';
import { claim, header, when } from './model.ts';
import type { RuleParts } from './model.ts';
import { meshWide, ordinaryRequest } from './shape.ts';
import type { Part, Shape } from './shape.ts';

export const values: Shape = {
  name: 'e-values',
  about: 'mesh-wide values of headers and claims: exact, beginnings, lists, nested claims',
  target: 'flat',
  part: (rules) => valueRules(rules),
};

/** What one rule looks at, in turn. */
const FORMS = 4;

function ruleOf(i: number): RuleParts {
  switch (i % FORMS) {
    case 0:
      return { when: [when(header('x-tenant'), [`tenant-${i}`])] };
    case 1:
      return { when: [when(header('x-plan'), [`plan-${i}-*`, `trial-${i}`])] };
    case 2:
      return { when: [when(claim('role'), [`role-${i}`, `old-role-${i}`, `alias-${i}`])] };
    default:
      return { when: [when(claim('realm_access', 'roles'), [`realm-${i}`])] };
  }
}

/** All four are in every request; at most one has the value of a rule. */
function askOf(i: number | null, random: Random): Ask {
  const other = 1e7 + random.int(1e6);
  const numberIn = (form: number): number => (i !== null && i % FORMS === form ? i : other);
  const claims: { [name: string]: Json } = {
    iss: 'https://login.example.com',
    sub: `user-${random.int(1_000_000)}`,
    role: `role-${numberIn(2)}`,
    realm_access: { roles: ['everybody', `realm-${numberIn(3)}`] },
  };
  return ordinaryRequest(random, {
    headers: { 'x-tenant': `tenant-${numberIn(0)}`, 'x-plan': `plan-${numberIn(1)}-${random.int(100)}` },
    claims,
  });
}

export function valueRules(rules: number): Part {
  // Some rule asks for a claim and for nothing else: any stranger could be let in with the right token.
  return meshWide({ name: 'values', rules, rule: ruleOf, ask: askOf, tokenHelps: true });
}
