package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// Where agents find our keys.
const (
	brandPath = "/.well-known/brand.json"
	keysPath  = "/.well-known/jwks.json"
)

// addSigningKeys makes the keys that requests to agents are signed with, one for each generation. A key that has signed is not made again: it stays when its
// generation is taken out, published no more, until somebody schedules its deletion.
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

// signingKeyARNs names the keys, the one that signs first.
func (b *builder) signingKeyARNs() *[]*string {
	arns := make([]*string, len(b.signing))
	for i, key := range b.signing {
		arns[i] = key.KeyArn()
	}
	return &arns
}
