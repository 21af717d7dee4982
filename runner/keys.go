package runner

import (
	"fmt"
	"io"
	"os"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// maxKeysText bounds what is read of the keys, in bytes.
const maxKeysText = 64 << 10

// inheritedKeys reads the keys of the artifacts from an open file and closes it:
// neither the command line nor the environment, which the kernel shows, nor
// terraform has them.
func inheritedKeys(fd int) (artifact.Keys, error) {
	if fd <= 0 {
		return artifact.Keys{}, nil
	}
	f := os.NewFile(uintptr(fd), "keys")
	if f == nil {
		return artifact.Keys{}, fmt.Errorf("-keys-fd=%d is no open file", fd)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeysText))
	if err != nil {
		return artifact.Keys{}, fmt.Errorf("reading the keys of artifacts: %w", err)
	}
	return artifact.ParseKeys(string(text))
}
