// Package signing signs requests to agents with keys in AWS KMS and publishes their public halves
// (contract B55, B56). A private key never leaves KMS. The package makes the two public documents
// by which an agent finds the keys: brand.json (Brand) and the key set (Set). It does not know the
// signature format; package httpsig does.
package signing
