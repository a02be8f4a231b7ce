// The seller's webhooks. They use the SDK's emitter, add what the SDK leaves out, and apply the
// demo's behaviors.
import { generateKeyPairSync } from 'node:crypto';

// The two kinds of keys of the protocol, with the names of the SDK (alg) and of JWKs (jwa).
const ED25519 = {
  keyid: 'demo-seller-webhooks',
  alg: 'ed25519',
  jwa: 'EdDSA',
  generate: () => generateKeyPairSync('ed25519'),
};
const ES256 = {
  keyid: 'demo-seller-webhooks-es256',
  alg: 'ecdsa-p256-sha256',
  jwa: 'ES256',
  generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
const LATE_MS = 5000;
const MAX_EARLY_MS = 10_000;

const sleep = ms => new Promise(done => setTimeout(done, ms));

function signingKey({ keyid, alg, jwa, generate }) {
  const { publicKey, privateKey } = generate();
  const meta = { kid: keyid, alg: jwa, use: 'sig', adcp_use: 'webhook-signing' };
  return {
    public: { ...publicKey.export({ format: 'jwk' }), ...meta, key_ops: ['verify'] },
    signer: { keyid, alg, privateKey: { ...privateKey.export({ format: 'jwk' }), ...meta, key_ops: ['sign'] } },
  };
}

export function createWebhooks({ sdk, log }) {
  const [key, es256] = [signingKey(ED25519), signingKey(ES256)];
  const attempted = new Map(); // SDK operation ID -> resolver that the answer of an early webhook waits for
  const emitterFor = ({ signer }) => sdk.createWebhookEmitter({
    signerKey: signer,
    retries: { maxAttempts: 5, initialDelayMs: 500 },
    userAgent: 'adcp-demo-seller',
    suppressLegacyWarnings: true,
    onAttemptResult: result => {
      log('webhook_attempt', result);
      attempted.get(result.operation_id)?.();
    },
  });
  const emitter = emitterFor(key);
  // The wrong key has the ID of the published key, and is not published itself.
  const others = { wrong_key: emitterFor(signingKey(ED25519)), es256: emitterFor(es256) };
  const requests = new Map(); // task_id or media_buy_id -> the request and the behavior that it selects

  // The SDK gives its emitter neither push_notification_config.authentication nor operation_id, and
  // names the delivery `<tool>.<task_id>` instead. Both come from the request that made the task.
  async function emit(delivery) {
    const payload = { ...delivery.payload };
    const { request = {}, demo = {} } =
      requests.get(payload.task_id) ?? requests.get(payload.result?.media_buy_id) ?? {};
    const push = request.push_notification_config ?? {};
    if (demo.webhook === 'none') {
      log('webhook_suppressed', { task_id: payload.task_id });
      return { delivered: false, errors: [], attempts: 0, operation_id: delivery.operation_id, idempotency_key: '' };
    }
    if (demo.operation_id !== 'omit' && push.operation_id !== undefined) payload.operation_id = push.operation_id;
    // A rejection is `rejected` by webhook and `failed` by poll, as observed at real sellers.
    if (demo.outcome === 'rejected' && payload.status === 'failed') payload.status = 'rejected';
    if (demo.webhook === 'late') await sleep(demo.webhook_delay_ms ?? LATE_MS);

    const signed = { ...delivery, payload, ...authentication(push) };
    const sender = others[demo.webhook] ?? emitter;
    const result = await sender.emit(signed);
    if (demo.webhook === 'duplicate') await sender.emit(signed); // the same key and bytes, with a new signature
    return result;
  }

  return {
    emitter: { unsigned: false, emit },
    publicKeys: [key.public, es256.public],
    algorithms: [ED25519.alg, ES256.alg],
    remember: (id, entry) => requests.set(id, entry),
    // Resolves after the first attempt to deliver the task's webhook, successful or not, and at the
    // latest after MAX_EARLY_MS.
    firstAttempt(tool, taskId) {
      const operation = `${tool}.${taskId}`;
      const seen = new Promise(done => attempted.set(operation, done));
      return Promise.race([seen, sleep(MAX_EARLY_MS)]).finally(() => attempted.delete(operation));
    },
  };
}

// The scheme that the buyer requires. Without one, the SDK signs by RFC 9421.
function authentication({ authentication }) {
  switch (authentication?.schemes?.[0]) {
    case 'HMAC-SHA256': return { authentication: { type: 'hmac_sha256', secret: authentication.credentials } };
    case 'Bearer': return { authentication: { type: 'bearer', token: authentication.credentials } };
    default: return {};
  }
}
