package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"adcp-orchestrator/cmd/adcpctl/internal/profile"
	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newProfile(a *app) *cobra.Command {
	return group("profile", "which API, and its key", newProfileList(a), newProfileUse(a), newProfileSet(a),
		newProfileLogin(a))
}

func newProfileList(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "list the profiles", Args: noArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.profiles().Load()
		if err != nil {
			return usage("", "%v", err)
		}
		type row struct {
			Name    string `json:"name"`
			API     string `json:"api"`
			Key     string `json:"key"`
			Confirm bool   `json:"confirm"`
			Default bool   `json:"default"`
		}
		var rows []row
		var cells [][]show.Cell
		for _, name := range c.Names() {
			p := c.Profiles[name]
			rows = append(rows, row{name, p.API, p.Key, p.Confirm, name == c.Default})
			mark, asks := "", ""
			if name == c.Default {
				mark = "*"
			}
			if p.Confirm {
				asks = "asks before acts"
			}
			cells = append(cells, []show.Cell{{Text: mark + name}, {Text: p.API}, {Text: p.Key}, {Text: asks}})
		}
		if a.flags.output == "id" {
			for _, name := range c.Names() {
				fmt.Fprintln(a.out, name)
			}
			return nil
		}
		raw, _ := json.Marshal(map[string]any{"items": append([]row{}, rows...)})
		return a.document(raw, "", func(io.Writer) {
			if len(cells) == 0 {
				a.say("no profiles: adcpctl profile set NAME --api URL")
				return
			}
			a.table([]string{"PROFILE", "API", "KEY IN", "CONFIRM"}, cells)
		})
	}
	return cmd
}

func newProfileUse(a *app) *cobra.Command {
	return &cobra.Command{Use: "use NAME", Short: "use a profile by default", Args: oneArg,
		ValidArgsFunction: a.completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			d := a.profiles()
			c, err := d.Load()
			if err != nil {
				return usage("", "%v", err)
			}
			if _, ok := c.Profiles[args[0]]; !ok {
				return &exitError{exitNotFound, fmt.Sprintf("there is no profile %q", args[0]), "adcpctl profile list"}
			}
			c.Default = args[0]
			return d.Save(c)
		}}
}

func newProfileSet(a *app) *cobra.Command {
	var p profile.Profile
	cmd := &cobra.Command{Use: "set NAME", Short: "make or change a profile", Args: oneArg,
		ValidArgsFunction: a.completeProfiles,
		Example:           "  adcpctl profile set prod --api https://api.example.com/live --confirm"}
	cmd.Flags().BoolVar(&p.Confirm, "confirm", false, "ask before each act, as production should")
	cmd.Flags().StringVar(&p.OnBehalfOf, "on-behalf-of", "", "the person that acts are sent for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := profile.CheckName(args[0]); err != nil {
			return usage("", "%v", err)
		}
		d := a.profiles()
		c, err := d.Load()
		if err != nil {
			return usage("", "%v", err)
		}
		old := c.Profiles[args[0]]
		if a.flags.api != "" {
			if a.flags.api != old.API {
				old.Key = "" // a key is for one API
			}
			old.API = a.flags.api
		}
		if cmd.Flags().Changed("confirm") {
			old.Confirm = p.Confirm
		}
		if cmd.Flags().Changed("on-behalf-of") {
			old.OnBehalfOf = p.OnBehalfOf
		}
		if old.API == "" {
			return usage("add --api URL", "a profile needs the address of its API")
		}
		if err := profile.CheckAPI(old.API); err != nil {
			return usage("", "%v", err)
		}
		c.Profiles[args[0]] = old
		if c.Default == "" {
			c.Default = args[0]
		}
		if err := d.Save(c); err != nil {
			return err
		}
		if old.Key == "" {
			a.say("it has no key yet: adcpctl profile login %s", args[0])
		}
		return nil
	}
	return cmd
}

func newProfileLogin(a *app) *cobra.Command {
	var inFile, unchecked bool
	cmd := &cobra.Command{Use: "login [NAME]", Short: "store the API key of a profile, which is typed or comes by stdin",
		ValidArgsFunction: a.completeProfiles,
		Args:              func(cmd *cobra.Command, args []string) error { return between(cmd, args, 0, 1) }}
	cmd.Flags().BoolVar(&inFile, "in-file", false, "in a file of mode 0600, though there is a keychain")
	cmd.Flags().BoolVar(&unchecked, "unchecked", false, "without asking the API whether the key is good")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d := a.profiles()
		c, err := d.Load()
		if err != nil {
			return usage("", "%v", err)
		}
		name := c.Default
		if a.flags.profile != "" {
			name = a.flags.profile
		}
		if len(args) == 1 {
			name = args[0]
		}
		p, ok := c.Profiles[name]
		if !ok {
			return &exitError{exitNotFound, fmt.Sprintf("there is no profile %q", name), "adcpctl profile set NAME --api URL"}
		}
		key, err := a.readKey(name)
		if err != nil {
			return err
		}
		if !unchecked {
			if err := a.checkKey(cmd.Context(), p.API, key); err != nil {
				return err
			}
		}
		if p.Key, err = d.StoreKey(name, key, inFile); err != nil {
			return err
		}
		c.Profiles[name] = p
		if err := d.Save(c); err != nil {
			return err
		}
		a.say("the key of %s is kept in the %s", name, p.Key)
		return nil
	}
	return cmd
}

// readKey reads an API key: typed without being shown, or the first line of stdin.
func (a *app) readKey(name string) (string, error) {
	var raw []byte
	var err error
	if f, ok := a.in.(*os.File); ok && a.inTTY && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(a.err, "API key of %s: ", name)
		raw, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
	} else {
		raw, err = io.ReadAll(io.LimitReader(a.in, 4096))
	}
	key, _, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	if err == nil && (key == "" || show.Line(key) != key || strings.Contains(key, " ")) {
		err = usage("adcpctl keys create makes one", "that is no API key")
	}
	return key, err
}

// checkKey asks the API whose key it is.
func (a *app) checkKey(ctx context.Context, api, key string) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	c := client.New(api, key)
	c.UserAgent = "adcpctl/" + release()
	d, err := c.Whoami(ctx)
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == 404 {
		return nil // an API from before whoami
	}
	if err != nil {
		return err
	}
	a.say("tenant %s, key %s, may %s", show.Line(d.Value.Tenant), show.Line(d.Value.Key.Name),
		show.Line(strings.Join(d.Value.Key.Scopes, " ")))
	return nil
}
