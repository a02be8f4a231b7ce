package stack

import (
	"context"
	"errors"
	"os"
	"strconv"
)

// startSeller starts the demo sales agent and returns once it answers.
func (in *Instance) startSeller(ctx context.Context, tools Tools) error {
	log := in.Dir("logs", "seller.log")
	group, err := daemon{
		dir:  in.Dir(),
		log:  log,
		name: tools.Node,
		args: []string{in.layout.source("seller", "seller.mjs")},
		env: childEnv(os.Environ(),
			"ADCP_LOCAL_NPM="+in.layout.install("npm"),
			"PORT="+strconv.Itoa(in.Ports.SellerMCP),
			"A2A_PORT="+strconv.Itoa(in.Ports.SellerHTTP),
			"TOKEN="+in.SellerToken,
		),
	}.start()
	if err != nil {
		return err
	}
	if err := in.update(func() { in.Seller = group }); err != nil {
		return errors.Join(err, in.layout.stopGroup(ctx, group, 0))
	}
	return in.awaitHTTP(ctx, group, in.sellerHTTP("/ledger"), log)
}
