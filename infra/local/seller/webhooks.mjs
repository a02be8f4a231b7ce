// The seller's webhooks: the SDK's emitter, with what the SDK leaves out put back and the demo's behaviours applied.
import { generateKeyPairSync } from 'node:crypto';

// The two kinds of keys that the protocol knows, as the SDK and as JWKs name them.
const ED25519 = { keyid: 'demo-seller-webhooks', alg: 'ed25519', jwa: 'EdDSA', generate: () => generateKeyPairSync('ed25519') };
const ES256 = {
  keyid: 'demo-seller-webhooks-es256', alg: 'ecdsa-p256-sha256', jwa: 'ES256', generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
const LATE_MS = 5000;
const EARLY_CAP_MS = 10_000;

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
  const attempted = new Map(); // SDK operation id -> resolver that an early webhook's answer waits for
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
  // A wrong key has the published one's id and is published nowhere.
  const others = { wrong_key: emitterFor(signingKey(ED25519)), es256: emitterFor(es256) };
  const orders = new Map(); // task_id or media_buy_id -> the request and the behaviour it asked for

  // The SDK hands its emitter neither push_notification_config.authentication nor the operation_id, and
  // names the delivery `<tool>.<task_id>` instead: both are looked up in the request that made the task.
  async function emit(delivery) {
    const payload = { ...delivery.payload };
    const { request = {}, demo = {} } = orders.get(payload.task_id) ?? orders.get(payload.result?.media_buy_id) ?? {};
    const push = request.push_notification_config ?? {};
    if (demo.webhook === 'none') {
      log('webhook_suppressed', { task_id: payload.task_id });
      return { delivered: false, errors: [], attempts: 0, operation_id: delivery.operation_id, idempotency_key: '' };
    }
    if (demo.operation_id !== 'omit' && push.operation_id !== undefined) payload.operation_id = push.operation_id;
    // A rejection is `rejected` by webhook and `failed` by poll, as real sellers were seen to do it.
    if (demo.outcome === 'rejected' && payload.status === 'failed') payload.status = 'rejected';
    if (demo.webhook === 'late') await sleep(demo.webhook_delay_ms ?? LATE_MS);

    const signed = { ...delivery, payload, ...authentication(push) };
    const sender = others[demo.webhook] ?? emitter;
    const result = await sender.emit(signed);
    if (demo.webhook === 'duplicate') await sender.emit(signed); // the same key and bytes, signed anew
    return result;
  }

  return {
    emitter: { unsigned: false, emit },
    publicKeys: [key.public, es256.public],
    algorithms: [ED25519.alg, ES256.alg],
    remember: (id, order) => orders.set(id, order),
    // Resolves at the first attempt to deliver the task's webhook, whatever came of it.
    firstAttempt(tool, taskId) {
      const operation = `${tool}.${taskId}`;
      const seen = new Promise(done => attempted.set(operation, done));
      return Promise.race([seen, sleep(EARLY_CAP_MS)]).finally(() => attempted.delete(operation));
    },
  };
}

// Without a scheme that the buyer asked for, the SDK signs by RFC 9421.
function authentication({ authentication }) {
  switch (authentication?.schemes?.[0]) {
    case 'HMAC-SHA256': return { authentication: { type: 'hmac_sha256', secret: authentication.credentials } };
    case 'Bearer': return { authentication: { type: 'bearer', token: authentication.credentials } };
    default: return {};
  }
}
