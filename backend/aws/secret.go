package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// ReadSecret reads a secret of AWS Secrets Manager: its name or ARN, then #key
// for one key of a JSON object. An ARN is requested in its own region. The error
// is a sentence without the value.
func ReadSecret(ctx context.Context, cfg aws.Config, name string) (string, error) {
	id, key, keyed := strings.Cut(name, "#")
	if a, err := arn.Parse(id); err == nil && a.Region != "" {
		cfg.Region = a.Region
	}
	if cfg.Region == "" {
		return "", fmt.Errorf("no region is known for the secret %s: name it by its ARN, or set AWS_REGION", id)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", secretError(id, cfg.Region, err)
	}
	value := aws.ToString(out.SecretString)
	if !keyed {
		return value, nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(value), &object); err != nil {
		return "", fmt.Errorf("the secret %s is no JSON object, so it has no key %q", id, key)
	}
	value, ok := object[key].(string)
	if !ok {
		return "", fmt.Errorf("the secret %s has no key %q with a text", id, key)
	}
	return value, nil
}

// secretError says what to do. Secrets Manager calls a secret that has no value
// yet one that is not found (AWS Secrets Manager API reference, "GetSecretValue").
func secretError(id, region string, err error) error {
	code := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	switch code {
	case "ResourceNotFoundException":
		return fmt.Errorf("the secret %s is not in Secrets Manager of %s, or has no value yet: store one there, or correct the name", id, region)
	case "AccessDeniedException":
		return fmt.Errorf("reading the secret %s from Secrets Manager of %s is denied: allow secretsmanager:GetSecretValue on it, and kms:Decrypt on its key", id, region)
	}
	return fmt.Errorf("reading the secret %s from Secrets Manager of %s: %w", id, region, Explain(err))
}
