/**
 * Istio's RequestAuthentication (ValidateRequestAuthentication). Tokens are verified by Envoy's jwt_authn and
 * their claims come as metadata; the object itself is only looked at.
 */
import { asMap } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { PolicyObject } from '../parse/objects.ts';
import type { Context } from '../validate/value-check.ts';
import { refuseDryRun } from './dry-run.ts';
import { fieldOf, listField, stringField, stringsField } from './fields.ts';
import { readMatchLabels } from './selector.ts';
import { readTargetGateways } from './target-refs.ts';

export function readRequestAuthentication(object: PolicyObject, context: Context): void {
  const { report, options } = context;
  if (options.jwtMetadata === '') {
    report.error(
      'jwt-not-configured',
      keyPlace(object.map, 'kind'),
      'a RequestAuthentication is here, and the service does not know where verified claims come from',
      'set `identity.jwtMetadata`, e.g. to `envoy.filters.http.jwt_authn`, and let Envoy verify the tokens',
    );
  }
  refuseDryRun(object, 'Istio refuses it', context);
  const specNode = fieldOf(object.map, 'spec');
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return;
  readMatchLabels(spec, context);
  readTargetGateways(spec, context);
  for (const item of listField(spec, 'jwtRules', report)?.items ?? []) {
    if (item.kind === 'scalar' && item.value === null) continue;
    const rule = asMap(item, report);
    if (rule !== null) checkJwtRule(rule, context);
  }
}

function checkJwtRule(rule: MapNode, { report }: Context): void {
  const issuer = stringField(rule, 'issuer', report)?.value ?? '';
  const jwksUri = stringField(rule, 'jwksUri', report) ?? stringField(rule, 'jwks_uri', report);
  if (issuer === '' && (jwksUri === null || jwksUri.value === '')) {
    report.error('missing-field', positionOf(rule), 'a JWT rule needs an `issuer` or a `jwksUri`');
  }
  if (jwksUri !== null && jwksUri.value !== '' && !/^https?:\/\/[^/\s]+/.test(jwksUri.value)) {
    report.error('bad-value', positionOf(jwksUri), `\`${jwksUri.value}\` is not an http or https address`);
  }
  for (const key of ['audiences', 'fromParams', 'fromCookies']) stringsField(rule, key, report);
  for (const header of listField(rule, 'fromHeaders', report)?.items ?? []) requireTexts(header, ['name'], report);
  for (const pair of listField(rule, 'outputClaimToHeaders', report)?.items ?? []) {
    requireTexts(pair, ['header', 'claim'], report);
  }
}

function requireTexts(node: Parameters<typeof asMap>[0], keys: readonly string[], report: Context['report']): void {
  const map = asMap(node, report);
  if (map === null) return;
  for (const key of keys) {
    const text = stringField(map, key, report);
    if (text === null || text.value === '')
      report.error('missing-field', positionOf(map), `the field \`${key}\` is missing`);
  }
}
