package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/pkg/client"
)

func newAPI(a *app) *cobra.Command {
	var data string
	var headers []string
	cmd := &cobra.Command{Use: "api METHOD PATH", Short: "send any request, with the key of the profile",
		Example: "  adcpctl api GET '/v1/operations?state=open'\n" +
			"  adcpctl api POST /v1/agents/seller/read/get_media_buys -d query.json",
		Args: func(cmd *cobra.Command, args []string) error { return between(cmd, args, 2, 2) }}
	cmd.Flags().StringVarP(&data, "data", "d", "", "a file with the body, or - for stdin")
	cmd.Flags().StringArrayVarP(&headers, "header", "H", nil, "a header, as 'Idempotency-Key: k'")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r := client.Request{Method: strings.ToUpper(args[0]), Header: http.Header{}}
		u, err := url.Parse(args[1])
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return usage("as in /v1/operations", "%q is not a path of the API", args[1])
		}
		r.Path, r.Query = u.EscapedPath(), u.Query()
		for _, h := range headers {
			name, value, ok := strings.Cut(h, ":")
			if !ok || strings.EqualFold(strings.TrimSpace(name), "Authorization") {
				return usage("as in 'If-Match: \"47\"'; the key is the profile's", "%q is not a header to set", name)
			}
			r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
		c, err := a.anonymous()
		if err != nil {
			return err
		}
		if data != "" {
			if r.Body, err = a.readFile(data); err != nil {
				return err
			}
		}
		if r.Method != http.MethodGet {
			if err := a.confirm(cmd.Context(), false, "%s %s?", r.Method, r.Path); err != nil {
				return err
			}
		}
		// What creates something is sent again only if it has a key of its own.
		r.Once = r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == ""
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		got, err := c.Do(ctx, r)
		if err != nil {
			return err
		}
		if checkJSON(got.Body) != nil {
			_, err := io.WriteString(a.out, printable(got.Body))
			return err
		}
		if a.flags.output == "text" || a.flags.output == "wide" {
			a.flags.output = "json"
		}
		return a.document(got.Body, "", nil)
	}
	return cmd
}
