package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newKeys(a *app) *cobra.Command {
	g := group("keys", "the API keys of your tenant", newKeysList(a), newKeysCreate(a), newKeysRoll(a), newKeysRevoke(a),
		newKeysBootstrap(a))
	g.Aliases = []string{"key"}
	return g
}

// presets are scopes under the name of what somebody does. The API knows scopes only.
var presets = map[string][]string{
	"viewer": {"operations:read", "agents:read", "metrics:read", "audit:read"},
	"operator": {"operations:read", "operations:write", "agents:read", "agents:call", "quarantine:write",
		"metrics:read"},
	"approver": {"operations:read", "operations:approve", "agents:read"},
}

func newKeysList(a *app) *cobra.Command {
	type key = client.APIKey
	return newList(a, "list the keys", nil, func() listing[key] {
		clock := a.clock()
		return listing[key]{none: "no keys", id: func(k key) string { return k.ID }, columns: []column[key]{
			plain("ID", func(k key) string { return k.ID }),
			plain("NAME", func(k key) string { return k.Name }),
			plain("STATE", func(k key) string { return k.State }),
			plain("CREATED", func(k key) string { return clock.At(k.CreatedAt) }),
			plain("LAST USED", func(k key) string { return clock.Since(k.LastUsedAt) }),
			plain("EXPIRES", func(k key) string { return clock.Due(k.ExpiresAt) }),
			plain("SCOPES", func(k key) string { return strings.Join(k.Scopes, " ") }),
		}}
	}, (*client.Client).APIKeys)
}

func newKeysCreate(a *app) *cobra.Command {
	var k client.NewAPIKey
	var role string
	var days int
	cmd := a.newRead("create", "make a key; prints it", noArgs, nil, nil)
	f := cmd.Flags()
	f.StringVar(&k.Name, "name", "", "what it is for (required)")
	f.StringSliceVar(&k.Scopes, "scope", nil, "what it may do, as operations:read")
	f.StringVar(&role, "role", "", "the scopes of a viewer, operator or approver")
	f.IntVar(&days, "days", 0, "how long it works; for ever by default")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		_, known := presets[role]
		switch {
		case k.Name == "":
			return usage(`add --name "..."`, "a key needs a name")
		case role != "" && !known:
			return usage("choose from viewer, operator, approver", "--role can't be %q", role)
		case role == "" && len(k.Scopes) == 0:
			return usage("add --role viewer, or --scope operations:read,...", "a key needs scopes")
		case days < 0:
			return usage("", "--days can't be negative")
		}
		return noArgs(cmd, args)
	}
	cmd.RunE = a.call(func(ctx context.Context, _ []string) error {
		k.Scopes = append(k.Scopes, presets[role]...)
		if days > 0 {
			k.ExpiresAt = a.now().UTC().Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)
		}
		return a.confirm(ctx, false, "Make a key with %s?", strings.Join(k.Scopes, " "))
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		d, err := c.CreateAPIKey(ctx, uuid.NewString(), k)
		if err != nil {
			return err
		}
		return a.secret(d.Raw, d.Value.ID, "key", d.Value.Key)
	})
	return cmd
}

func newKeysRoll(a *app) *cobra.Command {
	var overlap time.Duration
	cmd := a.newRead("roll KEY", "make a new secret for a key; prints it", oneArg, nil, nil)
	cmd.RunE = a.call(func(ctx context.Context, args []string) error {
		return a.confirm(ctx, true, "Roll %s? The old one works for %s more.", show.Line(args[0]), overlap)
	}, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.RollAPIKey(ctx, uuid.NewString(), args[0], int(overlap.Seconds()))
		if err != nil {
			return err
		}
		return a.secret(d.Raw, d.Value.ID, "key", d.Value.Key)
	})
	return withOverlap(cmd, &overlap, "the old one works on")
}

func newKeysRevoke(a *app) *cobra.Command {
	return a.newAct("revoke KEY...|-", "end a key", true, nil, func(ctx context.Context, c *client.Client,
		id string) (acted, error) {
		effective, err := c.RevokeAPIKey(ctx, id)
		line := "revoked"
		if !effective.IsZero() {
			line += ", refused from " + a.clock().At(effective) + " on"
		}
		return acted{nil, line}, err
	})
}

func newAudit(a *app) *cobra.Command {
	type record = client.AuditEvent
	return group("audit", "who did what", newList(a, "list who did what, the newest first", []filter{
		{"actor", "actor_id", "an API key's id"}, {"action", "action", "as operation.cancel"},
		{"resource", "resource", "as operations/op_..."}, {"after", "created_after", "after this time"},
		{"before", "created_before", "before this time"},
	}, func() listing[record] {
		return listing[record]{none: "no acts", id: func(r record) string { return r.ID }, columns: []column[record]{
			plain("SINCE", func(r record) string { return a.clock().Since(r.At) }),
			plain("WHO", whoDid),
			plain("ACTION", func(r record) string { return r.Action }),
			plain("WHAT", func(r record) string { return r.Resource }),
			plain("OUTCOME", func(r record) string { return r.Outcome }),
			extra("FROM", func(r record) string { return r.SourceIP }),
			extra("REQUEST", func(r record) string { return r.RequestID }),
			extra("ID", func(r record) string { return r.ID }),
		}}
	}, (*client.Client).Audit))
}

func whoDid(r client.AuditEvent) string {
	name := r.Actor.Name
	if name == "" {
		name = r.Actor.ID
	}
	if r.OnBehalfOf != "" {
		name += fmt.Sprintf(" for %s (claimed)", r.OnBehalfOf)
	}
	return name
}
