import { isTemplate } from '../../../matcher/path-template.ts';
import { accessPathSet, pathSetMatches } from '../../../matcher/path.ts';
import { toByteString } from '../../../attributes/bytes.ts';
import { isGuard, isLong, named, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/**
 * `/a` and `/a/` are two paths here and one to many applications. Where values keep somebody out, the other one slips
 * by; where they let in, a value that ends in a slash is told only if it is the whole path.
 */
export const trailingSlash: LintRule = {
  code: 'trailing-slash',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      if (list.field !== 'paths' || !isGuard(list) || isLong(list)) continue;
      const paths = accessPathSet(list.values.map(toByteString));
      const missing = list.values.flatMap((value) => {
        const other = otherForm(value);
        return other === null || pathSetMatches(paths, toByteString(other)) ? [] : [{ value, other }];
      });
      if (missing.length === 0) continue;
      const others = [...new Set(missing.map(({ other }) => other))];
      yield {
        position: list.position,
        message: `${named(missing.map(({ value }) => value))} in \`${list.written}\` ${missing.length === 1 ? 'does' : 'do'} not match ${named(others)}, which many applications take for the same: a client gets past by it`,
        hint: `add ${named(others)}`,
      };
    }
  },
};

/** The path with or without its last slash, as a sample of it; null where there is none. */
function otherForm(value: string): string | null {
  if (value.startsWith('*') || value === '/' || value === '/*') return null;
  if (value.endsWith('/*')) return value.slice(0, -2);
  if (value.endsWith('/{**}')) {
    const base = value.slice(0, -5);
    return base === '' || isTemplate(base) ? null : base;
  }
  if (isTemplate(value) || value.endsWith('*')) return null;
  if (value.endsWith('/')) return value.slice(0, -1);
  return isFileOrMethod(value) ? null : `${value}/`;
}

/** A file has an ending, a gRPC method stands behind its service: nobody takes these with a slash. */
function isFileOrMethod(path: string): boolean {
  return /\.[A-Za-z0-9]+$/.test(path) || /^\/[\w.]+\/[A-Z]\w*$/.test(path);
}
