/**
 * (d) Rules for the whole mesh with lists of CIDR blocks: of the peer and of the client, IPv4 and IPv6, lists of one
 * to sixteen, and wide blocks around the narrow ones.
 */
import type { Random } from '../../lib/random.ts';
import { operation, source } from './model.ts';
import type { RuleParts } from './model.ts';
import { meshWide, ordinaryRequest } from './shape.ts';
import type { Part, Shape } from './shape.ts';

export const addresses: Shape = {
  name: 'd-addresses',
  about: 'mesh-wide ipBlocks and remoteIpBlocks, v4 and v6, lists of 1 to 16, blocks within blocks',
  target: 'flat',
  part: (rules) => addressRules(rules),
};

const LIST_LENGTHS = [1, 2, 4, 8, 16] as const;
const MOST = 16;
/** What rules with wide blocks ask for and nobody sends: the narrow rules inside decide. */
const WIDE_METHOD = 'PURGE';

/**
 * Blocks around those of 256, 4,096 and 65,536 neighbouring rules. Of each width there is one for the peer and one for
 * the client, for IPv4 and for IPv6, so that an address lies in three wide blocks however many rules there are.
 */
const WIDE = [
  { neighbours: 256, at: 20, v4: 16, v6: 52 },
  { neighbours: 4096, at: 24, v4: 12, v6: 48 },
  { neighbours: 65_536, at: 28, v4: 8, v6: 44 },
] as const;
const WIDE_RULES = 12;

const widthOf = (i: number): (typeof WIDE)[number] | undefined =>
  WIDE.find(({ neighbours, at }) => i % neighbours >= at && i % neighbours < at + 4);
const isRemote = (i: number): boolean => i % 2 === 1;
const isV6 = (i: number): boolean => (i >> 1) % 2 === 1;
const lengthOf = (i: number): number => LIST_LENGTHS[i % LIST_LENGTHS.length]!;

/** From 32.0.0.0 on, sixteen addresses for each block of each rule: 100,000 rules end in 33.134.0.0/16. */
const FIRST_V4 = 0x20000000;

function v4(i: number, block: number, host: number): string {
  const address = FIRST_V4 + (i * MOST + block) * 16 + host;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

function v6(i: number, block: number, host: number): string {
  const number = i * MOST + block;
  return `2001:db8:${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}::${host.toString(16)}`;
}

const address = (i: number, block: number, host: number): string => (isV6(i) ? v6(i, block, host) : v4(i, block, host));

function ruleOf(i: number): RuleParts {
  const width = widthOf(i);
  const blocks =
    width === undefined
      ? // Blocks of unlike sizes within the room that each has.
        Array.from(
          { length: lengthOf(i) },
          (_, block) => `${address(i, block, 0)}/${isV6(i) ? 64 + (i % 3) * 8 : 28 + (i % 3)}`,
        )
      : [`${address(i, 0, 0)}/${isV6(i) ? width.v6 : width.v4}`];
  return {
    from: [isRemote(i) ? source({ remoteIpBlocks: blocks }) : source({ ipBlocks: blocks })],
    ...(width === undefined ? {} : { to: [operation({ methods: [WIDE_METHOD] })] }),
  };
}

export function addressRules(rules: number): Part {
  /** A rule with narrow blocks in place of one with a wide one. */
  const narrow = (i: number): number =>
    widthOf(i) === undefined ? i : i + WIDE_RULES < rules ? i + WIDE_RULES : i - WIDE_RULES;

  /** In the room that a list of less than sixteen blocks leaves, and in wide blocks only. */
  function between(random: Random): readonly [i: number, text: string] {
    const any = narrow(random.int(rules));
    const i = lengthOf(any) === MOST ? any - 1 : any;
    return [i, address(i, MOST - 1, 1 + random.int(14))];
  }

  return meshWide({
    name: 'addresses',
    rules,
    rule: ruleOf,
    firstLike: narrow,
    ask(chosen, random) {
      const [i, text] =
        chosen === null
          ? between(random)
          : [narrow(chosen), address(narrow(chosen), random.int(lengthOf(narrow(chosen))), 1 + random.int(2))];
      return ordinaryRequest(
        random,
        isRemote(i) ? { headers: { 'x-forwarded-for': `198.51.100.7, ${text}` } } : { sourceIp: text },
      );
    },
  });
}
