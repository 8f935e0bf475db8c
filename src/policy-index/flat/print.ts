/** How rules are filed, for people: each entry with its rule and the patterns of which one has to match. */
import { formatIp } from '../../attributes/address.ts';
import type { IpAddress } from '../../attributes/address.ts';
import { toText } from '../../attributes/bytes.ts';
import { tableNameOf } from './dimensions.ts';
import type { FlatSnapshot } from './flat-snapshot.ts';
import { FIRST_NAMED_TABLE, KIND } from './pattern-kinds.ts';
import type { PatternReader } from './pattern-reader.ts';

/** More patterns of an entry are counted only. */
const MAX_SHOWN = 8;

/** `isSecret`: of a table, such as `header x-token`, whose patterns are not to be told. */
export function printEntries(
  flat: FlatSnapshot,
  entries: readonly number[],
  isSecret: (table: string) => boolean = () => false,
): string {
  const wanted = new Map<number, number[]>();
  const unwanted = new Map<number, number[]>();
  const inScope = new Set(entries);
  // Patterns know their entries, and not the other way round: printing may go through all of them.
  for (let pattern = 0; pattern < flat.patterns.count; pattern++) {
    if (!flat.patterns.hasEntries(pattern)) continue;
    for (const [references, map] of [
      [flat.patterns.wanted, wanted],
      [flat.patterns.unwanted, unwanted],
    ] as const)
      for (const entry of flat.postings.entries(references[pattern]!)) {
        if (!inScope.has(entry)) continue;
        const patterns = map.get(entry);
        if (patterns === undefined) map.set(entry, [pattern]);
        else patterns.push(pattern);
      }
  }
  const lines = entries.map((entry) => {
    const rule = flat.ruleOfEntry(entry);
    const conditions = [
      ...described(flat.patterns, wanted.get(entry) ?? [], 'is', isSecret),
      ...described(flat.patterns, unwanted.get(entry) ?? [], 'is not', isSecret),
    ];
    return `  ${rule.policy.name}[${rule.index}]: ${conditions.length === 0 ? 'asked always' : conditions.join(', ')}`;
  });
  return [`${entries.length} entries`, ...lines].join('\n');
}

function described(
  patterns: PatternReader,
  numbers: readonly number[],
  verb: string,
  isSecret: (table: string) => boolean,
): string[] {
  const byTable = new Map<number, number[]>();
  for (const pattern of numbers) {
    const table = patterns.tableOf(pattern);
    byTable.set(table, [...(byTable.get(table) ?? []), pattern]);
  }
  return [...byTable].map(([table, own]) => {
    const shown = own.slice(0, MAX_SHOWN).map((pattern) => patternText(patterns, pattern));
    const more = own.length > MAX_SHOWN ? ` or ${own.length - MAX_SHOWN} more` : '';
    const name = tableText(patterns, table);
    return isSecret(name) ? `${name} ${verb} …` : `${name} ${verb} ${shown.join(' or ')}${more}`;
  });
}

function tableText(patterns: PatternReader, table: number): string {
  if (table < FIRST_NAMED_TABLE) return tableNameOf(table);
  const name = table - FIRST_NAMED_TABLE;
  return `${tableNameOf(patterns.tableOf(name))} ${toText(patterns.textOf(name))}`;
}

function patternText(patterns: PatternReader, pattern: number): string {
  const text = toText(patterns.textOf(pattern));
  switch (patterns.kindOf(pattern)) {
    case KIND.prefix:
      return `${text}*`;
    case KIND.suffix:
      return `*${text}`;
    case KIND.spiffeSuffix:
      return `spiffe://*${text}`;
    case KIND.namespace:
      return `*/ns/${text}/*`;
    case KIND.issuer:
      return `${text}/*`;
    case KIND.nonEmpty:
    case KIND.present:
      return '*';
    case KIND.cidr: {
      const { bits, addressLength } = patterns.cidrOf(pattern);
      return `${formatIp(patterns.textOf(pattern).padEnd(addressLength, '\0') as IpAddress)}/${bits}`;
    }
    default:
      return text;
  }
}
