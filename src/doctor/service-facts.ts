/** What of the configuration of Portcullis has to agree with that of Envoy and Istio. */
import type { ServiceConfig } from '../config/config.ts';

/** null where no configuration was given: then nothing is compared. */
export type ServiceFacts = Pick<
  ServiceConfig,
  'clientIp' | 'identity' | 'requests' | 'limits' | 'trustDomain' | 'rootNamespace'
> | null;
