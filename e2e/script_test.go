package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/longtest"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

var newKey = sync.OnceValues(func() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
})

// TestScript runs the command line as people do. Each script has the program as
// $LOCKKEEPER and the secrets of an App as key.pem and secret; what it can do
// besides testscript's own commands is below.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setUpScript, Condition: scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "expand": expand, "occupy": occupy,
		},
	})
}

// scriptCondition has one name beside testscript's own: long is make test-long.
func scriptCondition(name string) (bool, error) {
	if name != "long" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return longtest.On(), nil
}

func setUpScript(env *testscript.Env) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	programs := filepath.Join(env.WorkDir, ".programs")
	if err := errors.Join(os.Mkdir(programs, 0o700), os.Symlink(executable, filepath.Join(programs, app.EvaluatorName))); err != nil {
		return err
	}
	env.Setenv("PATH", programs+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("LOCKKEEPER", executable)
	env.Setenv(asLockkeeper, "1")
	env.Setenv(manifest, os.Getenv(manifest))
	for name, content := range map[string][]byte{"key.pem": key, "secret": []byte("0123456789abcdef0123456789abcdef\n")} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await FILE waits until a file is there.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	file := ts.MkAbs(args[0])
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not there after a minute", args[0])
		}
		time.Sleep(2 * time.Millisecond) // between looks; the file decides
	}
}

// expand FILE... puts the values of variables such as $WORK into files.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// occupy VARIABLE listens on a port until the end of the script and sets a
// variable to its address.
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}
