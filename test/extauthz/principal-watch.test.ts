import { describe, expect, it } from '@jest/globals';
import { PrincipalWatch } from '../../src/extauthz/principal-watch.ts';
import { EmptyPrincipals } from '../../src/identity/empty-principal.ts';
import { snapshotOf, testService } from './support/engine.ts';
import type { Ask } from './support/engine.ts';
import { access, operation, policiesYaml } from './support/yaml.ts';

const CHECKS = 5;

function watched(): { ask: (ask: Ask, times: number) => void; told: string[]; watch: PrincipalWatch } {
  const told: string[] = [];
  const log = { warn: (fields: object, message: string): void => void told.push(JSON.stringify([fields, message])) };
  const watch = new PrincipalWatch(log as never, new EmptyPrincipals(CHECKS));
  const world = testService(snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/a*'] }))])));
  return {
    told,
    watch,
    ask: (ask, times) => {
      for (let i = 0; i < times; i++) {
        world.check(ask);
        watch.look(world.records.at(-1)!);
      }
    },
  };
}

const nobody: Ask = { principal: '', path: '/ambiguous//a' };

describe('a listener where nobody has a principal', () => {
  it('is told of once, with what would mend it', () => {
    const { ask, told, watch } = watched();
    ask(nobody, CHECKS - 1);
    expect(told).toEqual([]);
    ask(nobody, 10 * CHECKS);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('10.0.0.1:8080');
    expect(told[0]).toContain('require_client_certificate');
    expect(watch.warnings).toEqual([
      { listener: '10.0.0.1:8080', warning: expect.stringContaining('include_peer_certificate') },
    ]);
  });

  it('is none after one principal, and none for what another listener shows', () => {
    const { ask, told, watch } = watched();
    ask(nobody, 1);
    ask({ path: '/a' }, 1);
    ask(nobody, 10 * CHECKS);
    expect(watch.warnings).toEqual([]);
    ask({ ...nobody, destinationPort: 9090 }, CHECKS);
    expect(told).toHaveLength(1);
    expect(watch.warnings.map(({ listener }) => listener)).toEqual(['10.0.0.1:9090']);
  });

  it('is found too after many checks of others, by one check in so many', () => {
    const { ask, told } = watched();
    ask({ path: '/a' }, 2048);
    const late = { ...nobody, destinationPort: 9090 };
    ask(late, 64 * CHECKS - 1);
    expect(told).toEqual([]);
    ask(late, 1);
    expect(told).toHaveLength(1);
  });

  it('is not counted for messages that were not read', () => {
    const { told, watch } = watched();
    for (let i = 0; i < CHECKS; i++) watch.look({ request: null });
    expect([told, watch.warnings]).toEqual([[], []]);
  });
});
