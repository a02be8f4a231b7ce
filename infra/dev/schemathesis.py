"""What Schemathesis' reports say: how many requests were sent to each operation, how they were
answered, and which checks failed. It fails if a check failed, if a run broke off, if there were fewer requests
than wanted, or an operation that none was sent to.

    python infra/dev/schemathesis.py verdict docs/openapi.json 5000 REPORT.ndjson ...
    python infra/dev/schemathesis.py scopes docs/openapi.json
"""

import base64
import collections
import json
import re
import sys

METHODS = ("get", "put", "post", "patch", "delete")

# LocalStack's gateway fails on some requests before they reach a function, where API Gateway does
# not. Its answer says so; such requests are counted by themselves.
EMULATOR = "Error in apigateway invocation"


# Codes of problems that name another party's fault, although their status is one from 500 on.
OF_AGENTS = {"agent_away", "agent_error", "agent_unreached", "answer_too_large", "answer_unreadable", "keys_unavailable"}


def operations(document):
    """The operations by label, as Schemathesis spells it."""
    with open(document, encoding="utf-8") as f:
        paths = json.load(f)["paths"]
    return {f"{m.upper()} {p}": item[m] for p, item in paths.items() for m in METHODS if m in item}


def scopes(document):
    """Every scope that an operation needs."""
    needed = (r["api_key"] for o in operations(document).values() for r in o.get("security", []))
    return sorted({scope for some in needed for scope in some})


def text_of(response):
    """The body of a recorded answer."""
    content = (response or {}).get("content") or {}
    return base64.b64decode(content.get("$base64", "")).decode(errors="replace")


def code_of(text):
    """The code of a problem, None if the text is none."""
    try:
        return json.loads(text).get("code")
    except (ValueError, AttributeError):
        return None


def matcher(labels):
    """A function that names the operation of a method and an address."""
    patterns = []
    for label in sorted(labels, key=lambda label: label.count("{")):  # what is spelled out comes first
        method, path = label.split(" ")
        pattern = "[^/?]*".join(re.escape(part) for part in re.split(r"\{[a-z_]+\}", path))
        patterns.append((method, re.compile(pattern + r"(\?|$)"), label))

    def match(request):
        path = request["uri"].split("/live", 1)[1]
        for method, pattern, label in patterns:
            if method == request["method"] and pattern.match(path):
                return label
        return f"{request['method']} {path}"

    return match


def read(name, match, answers, failures, emulated):
    """Reads a report. It returns whether the run came to its end, and its errors."""
    ended, errors = False, []
    with open(name, encoding="utf-8") as report:
        for line in report:
            kind, event = next(iter(json.loads(line).items()))
            ended = ended or kind == "EngineFinished"
            if kind in ("NonFatalError", "FatalError"):
                errors.append(f"{event.get('phase')}, {event.get('label')}: {json.dumps(event.get('value'))[:200]}")
            recorder = event.get("recorder") if isinstance(event, dict) else None
            if not recorder:
                continue
            interactions = recorder.get("interactions", {})
            of_emulator = {case for case, i in interactions.items() if EMULATOR in text_of(i.get("response"))}
            for case, interaction in interactions.items():
                label, response = match(interaction["request"]), interaction.get("response")
                if case in of_emulator:
                    emulated.append(label)
                else:
                    answers[label][str(response["status_code"]) if response else "none"] += 1
            for case, checks in recorder.get("checks", {}).items():
                for check in checks:
                    text = text_of(interactions[case].get("response"))
                    agents_fault = check["name"] == "not_a_server_error" and code_of(text) in OF_AGENTS
                    if check["status"] == "failure" and case not in of_emulator and not agents_fault:
                        label, response = match(interactions[case]["request"]), interactions[case].get("response")
                        answer = f"{response['status_code']}: {text[:300]}" if response else "no answer"
                        failures[(label, check["name"], answer)] += 1
    return ended, errors


def verdict(document, wanted, names):
    """Prints what happened, and returns what is wrong with it."""
    documented = operations(document)
    answers, failures, emulated = collections.defaultdict(collections.Counter), collections.Counter(), []
    wrong = []
    for name in names:
        ended, errors = read(name, matcher(documented), answers, failures, emulated)
        if not ended:
            wrong.append(f"{name}: the run did not come to its end")
        wrong += [f"{name}: {e}" for e in errors]
    for operation in sorted(documented):
        counted = ", ".join(f"{status}: {n}" for status, n in sorted(answers[operation].items()))
        print(f"  {operation:<66} {counted or 'no request'}")
    others = [answers.pop(label) for label in list(answers) if label not in documented]
    total = sum(sum(c.values()) for c in answers.values())
    counts = [(documented.get(o, {}).get("responses", {}), s, n) for o, c in answers.items() for s, n in c.items()]
    undocumented = sum(n for responses, s, n in counts if s not in responses)
    faults = sum(n for _, s, n in counts if s == "500" or s == "none")
    seen = sum(len(c) for c in answers.values())
    print(f"{total} requests to {len(answers)} of {len(documented)} operations got {seen} different answers; "
          f"500 or none: {faults}; not documented: {undocumented} of {total}; "
          f"besides, {sum(sum(c.values()) for c in others)} were sent with methods and paths that are no "
          f"operation's, and LocalStack's gateway failed on {len(emulated)} requests by itself")
    for (operation, check, answer), n in sorted(failures.items()):
        wrong.append(f"{operation}: {check}: {answer} ({n} times)")
    wrong += [f"no request was sent to {o}" for o in documented if not answers[o]]
    if total < wanted:
        wrong.append(f"{total} requests are fewer than {wanted}")
    return wrong


if sys.argv[1] == "scopes":
    print("\n".join(scopes(sys.argv[2])))
else:
    found = verdict(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    sys.exit("\n".join(found) if found else 0)
