// Holds an answer back until its webhook was sent. This makes the "early" webhook, which arrives
// before the answer that names its task.

// Keeps everything that is written to the response. After its end, waits for `until()` and then
// writes everything in order.
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
    for (const name of methods) delete res[name]; // the prototype's methods are visible again
    for (const call of queue) call();
  }
}

// Pairs a held response with the task of its request. The transport knows the response, the
// platform knows the task, and both see the idempotency key. A replay or a refused request has no
// task and is answered at once.
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
