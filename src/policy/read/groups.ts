/** Group names → groups: of the same namespace, or `ns/name` of the root namespace; known, and without a circle. */
import type { Position } from '../../lib/diagnostic.ts';
import { didYouMean } from '../did-you-mean.ts';
import { positionOf } from '../parse/node.ts';
import type { Policy, PrincipalGroup } from '../model.ts';
import type { LanguageOptions } from '../options.ts';
import type { Report } from '../report.ts';
import type { ReadGroup } from './principal-group.ts';

export function resolveGroups(
  read: readonly ReadGroup[],
  options: LanguageOptions,
  report: Report,
): ReadonlyMap<string, PrincipalGroup> {
  const known = new Set(read.map(({ group }) => fullName(group)));
  const groups = new Map<string, PrincipalGroup>();
  for (const { group, nested } of read) {
    const names = nested.flatMap((text) => {
      const name = resolveGroupName(text.value, group.namespace, positionOf(text), known, options, report);
      return name === null ? [] : [name];
    });
    groups.set(fullName(group), { ...group, groups: [...new Set(names)] });
  }
  checkNesting(groups, report);
  return groups;
}

function fullName(group: { readonly namespace: string; readonly name: string }): string {
  return `${group.namespace}/${group.name}`;
}

/** `namespace/name` of a group that is there; null: reported. */
function resolveGroupName(
  text: string,
  namespace: string,
  position: Position,
  known: ReadonlySet<string>,
  options: LanguageOptions,
  report: Report,
): string | null {
  const parts = text.split('/');
  if (parts.length > 2 || parts.includes('')) {
    report.error(
      'bad-group-name',
      position,
      `\`${text}\` is not the name of a group`,
      'write `name`, or `namespace/name` for one of the root namespace',
    );
    return null;
  }
  const [of, name] = parts.length === 2 ? [parts[0]!, parts[1]!] : [namespace, text];
  if (of !== namespace && of !== options.rootNamespace) {
    report.error(
      'foreign-namespace',
      position,
      `the group \`${text}\` belongs to another namespace`,
      `groups come from the own namespace or from the root namespace \`${options.rootNamespace}\``,
    );
    return null;
  }
  if (known.has(`${of}/${name}`)) return `${of}/${name}`;
  const inReach = [...known]
    .filter((full) => full.startsWith(`${namespace}/`) || full.startsWith(`${options.rootNamespace}/`))
    .map((full) => (full.startsWith(`${namespace}/`) ? full.slice(namespace.length + 1) : full));
  report.error('unknown-group', position, `unknown group \`${text}\``, groupHint(text, inReach));
  return null;
}

function groupHint(text: string, inReach: readonly string[]): string {
  const sameName = inReach.find((name) => name.endsWith(`/${text}`));
  if (sameName !== undefined) return `did you mean \`${sameName}\`?`;
  return inReach.length === 0
    ? 'no PrincipalGroup is in reach of this namespace'
    : didYouMean(text, inReach, 'in reach are');
}

/** Looks up the `groups` and `notGroups` of rules; each value is looked at where its list stands. */
export function checkRuleGroups(
  policies: readonly Policy[],
  groups: ReadonlyMap<string, PrincipalGroup>,
  options: LanguageOptions,
  report: Report,
): void {
  const known = new Set(groups.keys());
  for (const policy of policies) {
    for (const source of policy.rules.flatMap((rule) => rule.from ?? [])) {
      for (const list of [source.is.groups, source.not.groups]) {
        for (const name of list?.values ?? []) {
          resolveGroupName(name, policy.namespace, list!.position, known, options, report);
        }
      }
    }
  }
}

/** Organisations nest a handful of levels; the compiler follows groups by recursion. */
const MAX_GROUP_DEPTH = 32;

/** Circles, each once, at the group where the walk in name order met it; and groups that nest too deep. */
function checkNesting(groups: ReadonlyMap<string, PrincipalGroup>, report: Report): void {
  /** Levels of groups under each group that the walk has left. */
  const heights = new Map<string, number>();
  for (const start of [...groups.keys()].sort()) {
    const path: { name: string; next: number }[] = [{ name: start, next: 0 }];
    const onPath = new Set([start]);
    while (path.length > 0 && !heights.has(start)) {
      const top = path[path.length - 1]!;
      const group = groups.get(top.name)!;
      const child = group.groups[top.next++];
      if (child === undefined) {
        const height = Math.max(0, ...group.groups.map((name) => (heights.get(name) ?? 0) + 1));
        heights.set(top.name, height);
        if (height === MAX_GROUP_DEPTH + 1) {
          const message = `groups are nested more than ${MAX_GROUP_DEPTH} levels deep in \`${top.name}\``;
          report.error('group-too-deep', group.position, message, 'name the inner groups directly');
        }
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(child)) {
        const circle = [...path.slice(path.findIndex(({ name }) => name === child)).map(({ name }) => name), child];
        const message = `the group \`${child}\` contains itself: ${circle.map((name) => `\`${name}\``).join(' → ')}`;
        report.error('group-cycle', groups.get(child)!.position, message, 'take one of these groups out of another');
      } else if (!heights.has(child)) {
        path.push({ name: child, next: 0 });
        onPath.add(child);
      }
    }
  }
}
