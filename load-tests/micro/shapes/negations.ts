/** (g) Negated fields, suffixes, and CEL conditions. */
import type { Ask } from '../../../test/extauthz/support/engine.ts';
import type { Random } from '../../lib/random.ts';
import { header, operation, source, when } from './model.ts';
import type { RuleParts } from './model.ts';
import { meshWide, ordinaryRequest } from './shape.ts';
import type { Part, Shape } from './shape.ts';

export const negations: Shape = {
  name: 'g1-negations',
  about: 'mesh-wide suffixes, exceptions (`not…` beside a positive field) and rules of exceptions only',
  target: 'flat',
  part: (rules) => negationRules(rules),
};

const FORMS = 4;

function ruleOf(i: number): RuleParts {
  switch (i % FORMS) {
    case 0:
      return { to: [operation({ hosts: [`*.tenant-${i}.example`] })] };
    case 1:
      return { to: [operation({ paths: [`*/export-${i}.csv`] })] };
    case 2:
      return {
        from: [source({}, { principals: [`cluster.local/ns/blocked/sa/app-${i}`] })],
        to: [operation({ paths: [`/books/${i}/*`] }, { paths: [`/books/${i}/secret*`], methods: ['TRACE'] })],
      };
    default:
      // Nothing but exceptions. One of them is there in every request, so that no such rule matches.
      return { when: [when(header('x-mesh'), null, [`off-${i}`, 'on'])] };
  }
}

/** Rules of exceptions only are not asked for: the rule before stands for them. */
const positive = (i: number): number => (i % FORMS === FORMS - 1 ? i - 1 : i);

function askOf(chosen: number | null, random: Random): Ask {
  const any = random.int(1e9);
  if (chosen === null)
    // The exception of a rule that matches otherwise, a suffix by a hair, or nothing at all.
    return random.chance(0.5)
      ? ordinaryRequest(random, { path: `/books/${2 + 4 * random.int(25)}/secret-${any}` })
      : ordinaryRequest(random, {
          path: `/reports/${any}/export-${any}.csv2`,
          host: `www.tenant-${1e7 + any}.example`,
        });
  const i = positive(chosen);
  switch (i % FORMS) {
    case 0:
      return ordinaryRequest(random, { host: `www-${random.int(1000)}.tenant-${i}.example` });
    case 1:
      return ordinaryRequest(random, { path: `/reports/${any}/export-${i}.csv` });
    default:
      return ordinaryRequest(random, { path: `/books/${i}/page-${any}` });
  }
}

export function negationRules(rules: number): Part {
  return meshWide({ name: 'negations', rules, rule: ruleOf, ask: askOf, firstLike: positive });
}

export const conditions: Shape = {
  name: 'g2-cel',
  about: 'mesh-wide path prefixes, each with a CEL condition of its own',
  target: 'none',
  part: (rules) =>
    meshWide({
      name: 'conditions',
      accessOnly: true,
      rules,
      rule: (i) => ({
        to: [operation({ paths: [`/cel/${i}/*`] })],
        condition: `request.headers["x-level"] == "level-${i}" && request.method != "DELETE"`,
      }),
      ask: (i, random) =>
        ordinaryRequest(random, {
          // A miss finds a rule whose condition says no.
          path: `/cel/${i ?? random.int(rules)}/${random.int(1e9)}`,
          headers: { 'x-level': i === null ? 'level-none' : `level-${i}` },
        }),
    }),
};
