// Holds an answer back while its webhook goes out: the "early" webhook, which overtakes the answer that names its task.

// Keeps everything written to the response until its end, then waits for `until()` and lets it go in order.
export function holdResponse(res, until) {
  const methods = ['writeHead', 'flushHeaders', 'write', 'end'];
  const queue = [];
  for (const name of methods) {
    const original = res[name];
    res[name] = (...args) => {
      queue.push(() => original.apply(res, args));
      if (name === 'end') until().then(release);
      return name === 'write' ? true : res;
    };
  }
  function release() {
    for (const name of methods) delete res[name]; // the prototype's own come back
    for (const call of queue) call();
  }
}

// Pairs a held response with the task that its request makes: the transport knows the response, the platform the
// task, and the idempotency key is what both see. A replay or a refusal makes no task and is answered at once.
export function createEarlyAnswers() {
  const attempts = new Map();
  return {
    hold(args, res) {
      holdResponse(res, async () => {
        await attempts.get(args.idempotency_key);
        attempts.delete(args.idempotency_key);
      });
    },
    awaitEarly: (request, firstAttempt) => attempts.set(request.idempotency_key, firstAttempt),
  };
}
