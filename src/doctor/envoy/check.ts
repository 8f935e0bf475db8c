/** Everything that one Envoy's configuration says about the gate. */
import type { ServiceFacts } from '../service-facts.ts';
import { addressText, isLocal } from './address.ts';
import type { EnvoyConfiguration } from './configuration.ts';
import { checkManager, managersOf } from './listeners.ts';
import { Routes } from './routes.ts';
import { isExtAuthz } from './typed.ts';
import { checkVersion } from './version.ts';

export const EXT_AUTHZ = 'envoy.filters.http.ext_authz';

export function checkEnvoy(configuration: EnvoyConfiguration, facts: ServiceFacts): void {
  checkVersion(configuration);
  checkAdmin(configuration);
  const managers = configuration.listeners.flatMap((listener) => managersOf(listener, configuration));
  const asking = managers.flatMap(({ filters }) => filters).filter(({ type }) => isExtAuthz(type));
  if (asking.length === 0) {
    const { root, listeners, isPartial } = configuration;
    if (listeners.length === 0 && isPartial) root.report('not-shown', 'there is no listener in the input');
    root.report('no-ext-authz', 'no ext_authz filter was found');
    return;
  }
  const names = new Set([EXT_AUTHZ, ...asking.map(({ name }) => name)]);
  const routes = new Routes(names, facts);
  for (const manager of managers) checkManager(manager, configuration, routes, facts);
}

function checkAdmin({ admin }: EnvoyConfiguration): void {
  const address = admin?.at('address');
  if (address?.isThere === true && !isLocal(address)) {
    address.report('admin-exposed', `the admin port is open on ${addressText(address)}`);
  }
}
