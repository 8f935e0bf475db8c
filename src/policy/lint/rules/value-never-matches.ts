import { asciiLowerCase } from '../../../attributes/bytes.ts';
import { isTemplate } from '../../../matcher/path-template.ts';
import { named, valueLists } from '../lists.ts';
import type { ListedValues } from '../lists.ts';
import type { LintRule } from '../rule.ts';

interface Slip {
  readonly why: string;
  readonly hint: string;
}

/**
 * A value of an AuthorizationPolicy that Istio takes and that nothing matches, or nothing but what nobody sends (a method
 * in lower case, an issuer called `https:/`). AccessPolicies are refused for these (validate/): an AuthorizationPolicy
 * has to load wherever Istio loads it.
 */
export const valueNeverMatches: LintRule = {
  code: 'value-never-matches',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      if (list.policy.kind !== 'AuthorizationPolicy') continue;
      const slipOf = SLIPS.get(list.field);
      if (slipOf === undefined) continue;
      const slips = list.values.map((value) => slipOf(value));
      for (const [i, slip] of slips.entries()) {
        if (slip === null) continue;
        yield {
          position: list.position,
          message: `\`${list.values[i]!}\` in \`${list.written}\` matches no real request: ${slip.why}${consequence(list, slips)}`,
          hint: slip.hint,
        };
      }
    }
  },
};

function consequence({ policy: { action }, negated }: ListedValues, slips: readonly (Slip | null)[]): string {
  if (negated) return '; it excludes nobody';
  if (slips.some((slip) => slip === null)) return '';
  return action === 'DENY' ? '; the rule denies nothing by it' : '; the rule allows nothing by it';
}

const SLIPS: ReadonlyMap<string, (value: string) => Slip | null> = new Map([
  ['principals', principal],
  ['paths', path],
  ['methods', method],
  ['connection.sni', serverName],
  ['requestPrincipals', requestPrincipal],
]);

const SCHEME = 'spiffe://';

function principal(value: string): Slip | null {
  if (!value.startsWith(SCHEME)) return null;
  return { why: '`spiffe://` is put before it once more', hint: `write \`${value.slice(SCHEME.length)}\`` };
}

/** What Envoy's path normalisation and the HTTP grammar leave of a path. */
function path(value: string): Slip | null {
  if (isTemplate(value)) return null;
  const bare = value.startsWith('*') ? value.slice(1) : value.endsWith('*') ? value.slice(0, -1) : value;
  if (bare.includes('?')) {
    return { why: 'paths are compared without their query', hint: `write \`${value.slice(0, value.indexOf('?'))}\`` };
  }
  if (bare.includes('#')) {
    return { why: 'paths have no fragment', hint: `write \`${value.slice(0, value.indexOf('#'))}\`` };
  }
  if (!value.startsWith('/') && !value.startsWith('*'))
    return { why: 'every path begins with `/`', hint: `write \`/${value}\`` };
  if (/[^\u0021-\u007e]/.test(bare)) {
    return {
      why: 'blanks and characters past ASCII come percent-encoded',
      hint: `write \`${value.replace(/[^\u0021-\u007e]+/g, (text) => encodeURIComponent(text.toWellFormed()))}\``,
    };
  }
  if (
    /(^|\/)\.\.?\//.test(value.startsWith('*') ? `x${bare}` : bare) ||
    (/\/\.\.?$/.test(bare) && !value.endsWith('*'))
  )
    return { why: 'Envoy resolves dot segments before', hint: 'write the path that it resolves to' };
  return null;
}

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function method(value: string): Slip | null {
  if (!TOKEN.test(value)) return { why: 'it is no HTTP method', hint: 'write e.g. `GET`' };
  const upper = value.toUpperCase();
  // Methods of one's own may be in any case; a standard one in lower case is a slip.
  return value !== upper && STANDARD_METHODS.has(upper.replaceAll('*', ''))
    ? { why: 'methods are compared with their case', hint: `write \`${upper}\`` }
    : null;
}

const STANDARD_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']);

function serverName(value: string): Slip | null {
  const lower = asciiLowerCase(value);
  if (lower === value) return null;
  return { why: 'server names are compared in lower case', hint: `write ${named([lower])}` };
}

/** Istio cuts a pattern at its last slash, and uses up a star at its beginning before it looks at its end. */
function requestPrincipal(value: string): Slip | null {
  if (value === '*') return null;
  const slash = value.lastIndexOf('/');
  if (value.startsWith('*') && value.endsWith('*')) {
    return slash < 0
      ? null
      : {
          why: 'behind a star at the beginning the one at the end is a character, so that it asks for a subject with a star',
          hint: 'write `*` for any token, or `issuer/*` for one issuer’s',
        };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]*\*$/.test(value)) {
    return {
      why: 'it is cut at its last slash, the one in `://`, so that the issuer would have to be `https:/`',
      hint: 'write the whole issuer and a slash: `https://issuer.example/*`',
    };
  }
  if (value.includes('*')) return null;
  if (/^([a-z][a-z0-9+.-]*:\/\/)?[^/]+$/.test(value))
    return { why: 'it names an issuer and no subject', hint: `write \`${value}/*\` for all of its subjects` };
  return value.endsWith('/')
    ? { why: 'its subject is empty', hint: `write \`${value}*\` for all of its subjects` }
    : null;
}
