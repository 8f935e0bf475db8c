import { describe, expect, it } from '@jest/globals';
import { outcomeOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, policiesYaml } from '../extauthz/support/yaml.ts';

const everything = policiesYaml([access('ALLOW', {})]);
const denying = snapshotOf(everything);
const evaluating = snapshotOf(everything, { ambiguousPaths: 'evaluate' });

describe('the gate', () => {
  it.each<[string, Ask, string]>([
    ['a path that could be read in two ways', { path: '/a/../b' }, 'malformed_path'],
    ['a path that is not there', { path: '' }, 'malformed_path'],
    ['`*`', { path: '*', method: 'OPTIONS' }, 'malformed_path'],
    ['a host that could be read in two ways', { host: 'a@b' }, 'malformed_host'],
    ['no method', { method: '' }, 'malformed_method'],
    ['a method that is no token', { method: 'GE T' }, 'malformed_method'],
    ['a method without end', { method: 'A'.repeat(65) }, 'malformed_method'],
    ['headers that contradict', { headers: { host: 'evil.com' } }, 'malformed_header'],
  ])('stops %s, whatever the rules say', (_, ask, reason) => {
    expect(outcomeOf(denying, ask)).toBe(reason);
  });

  it.each<[string, Ask]>([
    ['an ordinary request', {}],
    ['a request without a host', { host: '' }],
    ['a CONNECT without a path', { method: 'CONNECT', path: '' }],
    ['a method of its own', { method: 'M-SEARCH' }],
  ])('lets %s pass', (_, ask) => {
    expect(outcomeOf(denying, ask)).toBe('allow_rule shop/p0[0]');
  });

  it.each<[string, Ask, string]>([
    ['paths to the rules', { path: '/a/../b' }, 'allow_rule shop/p0[0]'],
    ['hosts to the rules', { host: 'a@b' }, 'allow_rule shop/p0[0]'],
    ['methods not', { method: 'GE T' }, 'malformed_method'],
    ['contradictions not', { headers: { host: 'evil.com' } }, 'malformed_header'],
    ['no path not', { path: '' }, 'malformed_path'],
  ])('leaves %s with `evaluate`', (_, ask, outcome) => {
    expect(outcomeOf(evaluating, ask)).toBe(outcome);
  });
});
