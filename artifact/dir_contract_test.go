package artifact_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/artifact/artifacttest"
)

func TestDirKeepsTheContract(t *testing.T) {
	for name, keys := range map[string]artifact.Keys{"in clear": {}, "encrypted": newKeys(t)} {
		t.Run(name, func(t *testing.T) {
			artifacttest.Run(t, func(tb testing.TB) (artifacttest.Store, func(string, []byte)) {
				name := tb.TempDir()
				d, err := artifact.OpenDir(name)
				if err != nil {
					tb.Fatal(err)
				}
				d.Keys = keys
				tb.Cleanup(func() { _ = d.Close() })
				return d, func(key string, content []byte) {
					if err := os.WriteFile(filepath.Join(name, key), content, 0o600); err != nil {
						tb.Fatal(err)
					}
				}
			})
		})
	}
}
