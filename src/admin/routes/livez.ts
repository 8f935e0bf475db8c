import { textResponse } from '../route.ts';
import type { RouteHandler } from '../route.ts';

/**
 * Alive is who answers. Nothing else is asked: a restart mends neither a broken policy nor a full disk,
 * and loses the good set that is still served.
 */
export function livez(): RouteHandler {
  return () => textResponse(200, 'alive');
}
