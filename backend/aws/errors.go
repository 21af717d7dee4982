package aws

import (
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// What an error of AWS means to this package. The SDK has tried again by then
// what is worth it: throttling, lost answers, errors of the service.
var (
	errExists  = errors.New("it exists")
	errMissing = errors.New("it does not exist")
	errEnded   = errors.New("it has ended")
)

// waitsNoMore reports that a task token lets nothing go on any more: it was used,
// maybe by a call whose answer was lost, or its task or execution has ended (AWS
// Step Functions API reference, "SendTaskSuccess").
func waitsNoMore(err error) bool {
	_, timedOut := errors.AsType[*types.TaskTimedOut](err)
	_, gone := errors.AsType[*types.TaskDoesNotExist](err)
	_, invalid := errors.AsType[*types.InvalidToken](err)
	return timedOut || gone || invalid
}

// Explain gives an error of AWS a meaning of this package, and expired or
// missing credentials a sentence for who reads the log. Its text has no secret of
// a key.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	err = WithoutSecrets(err)
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ExecutionAlreadyExists":
			return errExists
		case "ExecutionDoesNotExist":
			return errMissing
		case "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId":
			return errors.Join(errors.New("the server's AWS credentials are not valid any more; it goes on when they are"), err)
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		switch response.HTTPStatusCode() {
		case http.StatusPreconditionFailed:
			return errExists
		case http.StatusNotFound:
			return errors.Join(artifact.ErrNotFound, err)
		}
	}
	return err
}
