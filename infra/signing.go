package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// The paths where agents find the orchestrator's public keys.
const (
	brandPath = "/.well-known/brand.json"
	keysPath  = "/.well-known/jwks.json"
)

// addSigningKeys makes the keys that sign requests to agents, one for each generation. A key that
// has signed can't be made again. So when its generation is removed from the settings, the key is
// no longer published but stays in KMS until somebody schedules its deletion.
func (b *builder) addSigningKeys() {
	for _, generation := range b.settings.SigningKeys {
		b.signing = append(b.signing, awskms.NewKey(b.stack, jsii.String("SigningKey"+generation), &awskms.KeyProps{
			Description:   jsii.String("Signs requests to sales agents, generation " + generation),
			KeySpec:       awskms.KeySpec_ECC_NIST_P256,
			KeyUsage:      awskms.KeyUsage_SIGN_VERIFY,
			RemovalPolicy: b.removal(),
		}))
	}
}

// signingKeyARNs returns the ARNs of the keys. The key that signs comes first.
func (b *builder) signingKeyARNs() *[]*string {
	arns := make([]*string, len(b.signing))
	for i, key := range b.signing {
		arns[i] = key.KeyArn()
	}
	return &arns
}
