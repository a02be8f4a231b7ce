// How a buyer finds the keys of the seller's webhook signatures: the seller's capabilities name
// its brand.json, which names the key set. If the capabilities name none, a buyer looks for
// brand.json at the agent's own origin.
const BRAND = '/.well-known/brand.json';
const JWKS = '/.well-known/jwks.json';

// A buyer looks for the agent by the URL that it calls, so agentUrls has one for each transport.
export function createDocuments({ agentUrls, origin, keys }) {
  const texts = {
    [JWKS]: JSON.stringify({ keys }),
    [BRAND]: JSON.stringify({
      house: { domain: new URL(origin).hostname, name: 'Demo' },
      agents: Object.entries(agentUrls).map(([id, url]) => ({ type: 'sales', id, url, jwks_uri: origin + JWKS })),
    }),
  };

  // Answers a request for one of the documents. Returns false for any other request.
  function answer(req, res) {
    const text = req.method === 'GET' && texts[req.url];
    if (text) res.writeHead(200, { 'content-type': 'application/json' }).end(text);
    return Boolean(text);
  }

  return {
    answer,
    // Serves the documents before the SDK's server, which has no way to add a path.
    serveBefore(server) {
      const [handle] = server.listeners('request');
      server.removeAllListeners('request').on('request', (req, res) => answer(req, res) || handle(req, res));
    },
    // What get_adcp_capabilities returns in addition to what the SDK derives. The account block
    // is the one that the SDK would derive.
    capabilities: algorithms => ({
      overrides: {
        account: { require_operator_auth: true, supported_billing: ['agent'] },
        webhook_signing: {
          supported: true,
          profile: 'adcp/webhook-signing/v1',
          algorithms,
          legacy_hmac_fallback: true,
        },
        identity: { brand_json_url: origin + BRAND, key_origins: { webhook_signing: origin } },
      },
    }),
  };
}
