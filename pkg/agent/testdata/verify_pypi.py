"""Verifies signed requests with the verifier of PyPI's package adcp.

It reads one JSON object per line: profile, digest, url, headers, body, now and the key set. For each
it writes a line: "ok", or the code that a seller would answer with.
"""

import json
import sys

from adcp.signing import (
    SignatureVerificationError,
    StaticJwksResolver,
    VerifierCapability,
    VerifyOptions,
    verify_request_signature,
)

for line in sys.stdin:
    r = json.loads(line)
    options = VerifyOptions(
        now=r["now"],
        capability=VerifierCapability(
            covers_content_digest=r["digest"], required_for=frozenset({"create_media_buy"})
        ),
        operation="create_media_buy",
        jwks_resolver=StaticJwksResolver({"keys": [r["key"]]}),
        signing_profile_version=r["profile"],
    )
    try:
        verify_request_signature(
            method="POST", url=r["url"], headers=r["headers"], body=r["body"].encode(), options=options
        )
        print("ok", flush=True)
    except SignatureVerificationError as e:
        print(e.code, flush=True)
