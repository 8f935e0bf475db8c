import type { RequestKind, Part, Shape } from './shape.ts';
import { addressRules, addresses } from './addresses.ts';
import { adversarial } from './adversarial.ts';
import { conditions, negationRules, negations } from './negations.ts';
import { pathRules, paths } from './paths.ts';
import { principalRules, principals } from './principals.ts';
import { askService, serviceRules, services } from './services.ts';
import { valueRules, values } from './values.ts';

const mix: Shape = {
  name: 'mix',
  about: 'half of the rules as in a, a tenth each as in b, c, d, e and g1; any request to any service',
  target: 'flat',
  part(rules) {
    const tenth = Math.floor(rules / 10);
    const ofServices = rules - 5 * tenth;
    const serviceCount = Math.ceil(ofServices / 10);
    const meshWide = [
      principalRules(tenth),
      pathRules(tenth),
      addressRules(tenth),
      valueRules(tenth),
      negationRules(tenth),
    ];
    const parts: readonly Part[] = [serviceRules(ofServices), ...meshWide];
    const kinds: readonly RequestKind[] = ['early', 'random', 'last', 'miss', 'anonymous'];
    return {
      kinds,
      policies: () => parts.flatMap((part) => part.policies()),
      request(kind, random) {
        const part = random.pick(parts.filter((each) => each.kinds.includes(kind)));
        const made = part.request(kind, random);
        if (part === parts[0]) return made;
        const { destinationPrincipal, destinationLabels } = askService(random.int(serviceCount), random);
        return {
          ...made,
          ask: { ...made.ask, destinationPrincipal: destinationPrincipal!, destinationLabels: destinationLabels! },
        };
      },
    };
  },
};

export const SHAPES: readonly Shape[] = [
  services,
  principals,
  paths,
  addresses,
  values,
  ...adversarial,
  negations,
  conditions,
  mix,
];
