package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// settings are the choices at synthesis. Each is a value of the CDK context (`-c name=value`, or
// cdk.json), under the name that its comment begins with.
type settings struct {
	Arch          string // arch: arm64 or x86_64, as Lambda spells it
	Local         string // local: the emulator's endpoint, e.g. http://127.0.0.1:4566; empty on AWS
	PublicBaseURL string // publicBaseUrl: a custom domain mapped to the stage, without a trailing slash
	Ephemeral     bool   // ephemeral: data is deleted with the stack
	LogRetention  int    // logRetentionDays
	KeepEnded     string // keepEndedDays: how long ended operations are kept, 0 for ever
	LogLevel      string // logLevel: debug, info, warn or error
	AlarmTopicARN string // alarmTopicArn: an SNS topic that gets the alarms
	// NotifyEmails (notifyEmails): addresses, separated by commas, that get what people have to act on
	NotifyEmails []string
	APIAccount   bool // apiGatewayAccount: this stack sets the region's API Gateway log role

	// dueShards: the partitions of the reconciler's index
	DueShards int
	// signingKeys: the generations of the signing key. The first one signs, all are published.
	SigningKeys []string

	capacity

	Dist       string // the directory that `make build` fills; no context value
	Definition string // the file of the state machine; no context value
}

// publicURL is the form of a public base URL. It allows unreserved characters only: the events of a
// REST API have no raw path, so a webhook signature over an escaped path could not be verified.
var publicURL = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$`)

// generation is the form of a signing key's generation, which becomes a part of its logical id.
var generation = regexp.MustCompile(`^[A-Za-z0-9]{1,16}$`)

// retentions are the retention periods of CloudWatch Logs that are long enough for security logs.
var retentions = map[int]awslogs.RetentionDays{
	90:   awslogs.RetentionDays_THREE_MONTHS,
	120:  awslogs.RetentionDays_FOUR_MONTHS,
	150:  awslogs.RetentionDays_FIVE_MONTHS,
	180:  awslogs.RetentionDays_SIX_MONTHS,
	365:  awslogs.RetentionDays_ONE_YEAR,
	400:  awslogs.RetentionDays_THIRTEEN_MONTHS,
	545:  awslogs.RetentionDays_EIGHTEEN_MONTHS,
	731:  awslogs.RetentionDays_TWO_YEARS,
	1827: awslogs.RetentionDays_FIVE_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}

// readSettings reads the context. Its error names the first bad value and what would be valid.
func readSettings(context func(name string) any) (settings, error) {
	value := func(name string) string {
		if v := context(name); v != nil {
			return strings.TrimSpace(fmt.Sprint(v)) // the command line gives text, cdk.json any type
		}
		return ""
	}
	s := settings{
		Arch:          value("arch"),
		Local:         strings.TrimSuffix(value("local"), "/"),
		PublicBaseURL: strings.TrimSuffix(value("publicBaseUrl"), "/"),
		LogLevel:      value("logLevel"),
		KeepEnded:     cmp.Or(value("keepEndedDays"), "0"),
		AlarmTopicARN: value("alarmTopicArn"),
		SigningKeys:   strings.Split(value("signingKeys"), ","),
		NotifyEmails:  parseEmails(value("notifyEmails")),
		Dist:          filepath.Join("..", "dist"),
		Definition:    filepath.Join("..", "template", "operation.asl.json"),
	}
	var err error
	if s.Ephemeral, err = parseBool("ephemeral", value("ephemeral"), false); err != nil {
		return s, err
	}
	if s.APIAccount, err = parseBool("apiGatewayAccount", value("apiGatewayAccount"), true); err != nil {
		return s, err
	}
	if s.capacity, err = readCapacity(value); err != nil {
		return s, err
	}
	if s.LogRetention, err = strconv.Atoi(value("logRetentionDays")); err != nil {
		return s, fmt.Errorf("context logRetentionDays: %q is not a number of days; pass e.g. -c logRetentionDays=365",
			value("logRetentionDays"))
	}
	if s.DueShards, err = strconv.Atoi(value("dueShards")); err != nil {
		return s, fmt.Errorf("context dueShards: %q is not a number; pass e.g. -c dueShards=4", value("dueShards"))
	}
	return s, s.check()
}

// parseEmails reads addresses that are separated by commas.
func parseEmails(text string) (addresses []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			addresses = append(addresses, part)
		}
	}
	return addresses
}

func parseBool(name, text string, byDefault bool) (bool, error) {
	if text == "" {
		return byDefault, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("context %s: %q is neither true nor false", name, text)
	}
	return v, nil
}

func (s settings) check() error {
	if s.Arch != "arm64" && s.Arch != "x86_64" {
		return fmt.Errorf("context arch: %q is not a Lambda architecture; pass -c arch=arm64 or -c arch=x86_64", s.Arch)
	}
	if _, ok := retentions[s.LogRetention]; !ok {
		return fmt.Errorf("context logRetentionDays: %d is not a retention period of CloudWatch Logs, or is less than "+
			"the 90 days that security logs are kept for; pass e.g. 90 or 365", s.LogRetention)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel) {
		return fmt.Errorf("context logLevel: %q is not a level; pass debug, info, warn or error", s.LogLevel)
	}
	if _, err := operation.ParseKeepEnded(s.KeepEnded); err != nil {
		return fmt.Errorf("context keepEndedDays: %w; pass e.g. 400, or 0", err)
	}
	if s.PublicBaseURL != "" && !publicURL.MatchString(s.PublicBaseURL) {
		return fmt.Errorf("context publicBaseUrl: %q must be https, without query or escapes, "+
			"e.g. https://adcp.example.com", s.PublicBaseURL)
	}
	if s.DueShards < 1 || s.DueShards > layout.MaxDueShards {
		return fmt.Errorf("context dueShards: %d must be from 1 to %d: the reconciler reads no more partitions",
			s.DueShards, layout.MaxDueShards)
	}
	for _, address := range s.NotifyEmails {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
			return fmt.Errorf("context notifyEmails: %q is not an address; pass e.g. -c notifyEmails=a@example.com", address)
		}
	}
	for i, g := range s.SigningKeys {
		if !generation.MatchString(g) || slices.Contains(s.SigningKeys[:i], g) {
			return fmt.Errorf("context signingKeys: %q must be names of letters and digits, each once, "+
				"separated by commas, e.g. -c signingKeys=2,1", strings.Join(s.SigningKeys, ","))
		}
	}
	if s.Local == "" {
		return nil
	}
	if s.PublicBaseURL != "" {
		return errors.New("context local and publicBaseUrl exclude each other: an emulated API has no domain; remove one")
	}
	if u, err := url.Parse(s.Local); err != nil || u.Host == "" || (u.Path+u.RawQuery) != "" {
		return fmt.Errorf("context local: %q must be the emulator's endpoint, e.g. http://127.0.0.1:4566", s.Local)
	}
	return nil
}

// goarch is Go's name of the architecture. The folders in dist are named by it.
func (s settings) goarch() string {
	if s.Arch == "x86_64" {
		return "amd64"
	}
	return s.Arch
}

// bundle is the directory with the code of a function.
func (s settings) bundle(function string) string {
	return filepath.Join(s.Dist, s.goarch(), function)
}

// checkBundles returns an error that names all functions that are not built. CDK would name only
// the first one, in a stack trace.
func (s settings) checkBundles() error {
	var missing []string
	for _, f := range functionSpecs {
		if info, err := os.Stat(filepath.Join(s.bundle(f.name), "bootstrap")); err != nil || !info.Mode().IsRegular() {
			missing = append(missing, f.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("no bootstrap in %s for %s: run `make build ARCH=%s` first",
			filepath.Join(s.Dist, s.goarch()), strings.Join(missing, ", "), s.goarch())
	}
	return nil
}
