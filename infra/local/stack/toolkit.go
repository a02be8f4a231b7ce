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

// The parts of `cdk bootstrap` that a deployment to LocalStack uses: the bucket for assets and the version that the CLI asks for. LocalStack
// lets anybody assume the rest, the roles. The two calls spare the ten seconds that deploying the whole bootstrap stack takes.
const (
	assetBucket      = "cdk-hnb659fds-assets-" + account + "-" + region
	versionParameter = "/cdk-bootstrap/hnb659fds/version"
	toolkitVersion   = "30"
)

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

// call speaks to LocalStack directly, for services whose SDK nothing else here needs. It checks no signature: the header only names the service.
func (in *Instance) call(ctx context.Context, method, path, service, target string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, in.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20250101/%s/%s/aws4_request, SignedHeaders=host, Signature=none", accessKey, region, service))
	if target != "" {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", target)
	}
	res, err := localClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.*s", res.Status, outputShown, text)
	}
	return text, nil
}

// localClient never takes a proxy: all that it dials is loopback.
var localClient = &http.Client{Transport: &http.Transport{Proxy: nil}}

// storeCredential puts the seller's bearer token where an agent's registration names it.
func (in *Instance) storeCredential(ctx context.Context) error {
	client := secretsmanager.New(secretsmanager.Options{
		Region:       region,
		BaseEndpoint: aws.String(in.Endpoint()),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient:   localClient,
	})
	_, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name:         aws.String(CredentialRef),
		Description:  aws.String("Bearer token of the demo seller"),
		SecretString: aws.String(in.SellerToken),
	})
	var there *types.ResourceExistsException
	if errors.As(err, &there) {
		_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String(CredentialRef), SecretString: aws.String(in.SellerToken)})
	}
	if err != nil {
		return fmt.Errorf("store the seller's token as %s: %w", CredentialRef, err)
	}
	return nil
}
