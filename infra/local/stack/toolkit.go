package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The parts of `cdk bootstrap` that a deployment to LocalStack needs: the bucket for assets, and
// the version that the CLI reads. The other parts are roles, and LocalStack lets any caller assume
// any role. Two calls instead of the whole bootstrap stack save ten seconds.
const (
	assetBucket      = "cdk-hnb659fds-assets-" + account + "-" + region
	versionParameter = "/cdk-bootstrap/hnb659fds/version"
	toolkitVersion   = "30"
)

// bootstrap does what `cdk bootstrap` does, as far as LocalStack needs it.
func (in *Instance) bootstrap(ctx context.Context) error {
	if _, err := in.call(ctx, http.MethodPut, "/"+assetBucket, "s3", "", nil); err != nil {
		return fmt.Errorf("create the bucket for assets: %w", err)
	}
	body := fmt.Sprintf(`{"Name":%q,"Value":%q,"Type":"String","Overwrite":true}`, versionParameter, toolkitVersion)
	if _, err := in.call(ctx, http.MethodPost, "/", "ssm", "AmazonSSM.PutParameter", []byte(body)); err != nil {
		return fmt.Errorf("set %s: %w", versionParameter, err)
	}
	return nil
}

// call sends a request to LocalStack without an SDK, for services that are used only here.
// LocalStack checks no signature: it reads only the service's name from the Authorization header.
func (in *Instance) call(ctx context.Context, method, path, service, target string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, in.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=%s/20250101/%s/%s/aws4_request, SignedHeaders=host, Signature=none",
		accessKey, region, service))
	if target != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", target)
	}
	res, err := loopbackClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.*s", res.Status, maxOutput, text)
	}
	return text, nil
}

// loopbackClient never uses a proxy, because it connects only to loopback addresses.
var loopbackClient = &http.Client{Transport: &http.Transport{Proxy: nil}}

// storeCredential stores the seller's bearer token as the secret CredentialRef.
func (in *Instance) storeCredential(ctx context.Context) error {
	client := secretsmanager.New(secretsmanager.Options{
		Region:       region,
		BaseEndpoint: aws.String(in.Endpoint()),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient:   loopbackClient,
	})
	_, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name:         aws.String(CredentialRef),
		Description:  aws.String("Bearer token of the demo seller"),
		SecretString: aws.String(in.SellerToken),
	})
	var alreadyExists *types.ResourceExistsException
	if errors.As(err, &alreadyExists) {
		_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId:     aws.String(CredentialRef),
			SecretString: aws.String(in.SellerToken),
		})
	}
	if err != nil {
		return fmt.Errorf("store the seller's token as %s: %w", CredentialRef, err)
	}
	return nil
}
