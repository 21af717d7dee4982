//go:build linux

package hostile

import (
	"fmt"
	"strings"
)

// Source is a configuration that names something on the disk of the machine that
// plans it, as a module or as a state.
type Source struct {
	Name  string
	Tries string // in one line, what it tries
	Holds string // and what must hold
	text  string // with the directory of the server's things for each %[1]s
}

// Sources are all of them.
var Sources = []Source{
	{"module-of-the-disk", "a module by an absolute path of the machine", "it is not planned", "module \"m\" {\n  source = \"%[1]s/module\"\n}\n"},
	{"module-by-dots", "a module by ../.. out of the repository", "it is not planned", "module \"m\" {\n  source = \"../../../../../../../../../../../..%[1]s/module\"\n}\n"},
	{"module-by-git-file", "a module by git::file:// of another repository's mirror", "it is not planned", "module \"m\" {\n  source = \"git::file://%[1]s/server/mirrors/other.git\"\n}\n"},
	{"module-by-git-ext", "a module by git::ext::, which runs a command", "it is not planned", "module \"m\" {\n  source = \"git::ext::sh -c cat%% %[1]s/private-key.pem%% >&2\"\n}\n"},
	{"state-of-others", "the state of another project, by terraform_remote_state", "it is not planned",
		"data \"terraform_remote_state\" \"m\" {\n  backend = \"local\"\n  config  = { path = \"%[1]s/states/planted.tfstate\" }\n}\noutput \"m\" { value = data.terraform_remote_state.m.outputs }\n"},
}

// Configuration is the whole of it. dir is where everything of the server lies.
func (s Source) Configuration(dir string) string {
	text := "terraform {\n  backend \"local\" {}\n}\n" + fmt.Sprintf(s.text, dir)
	if strings.HasPrefix(s.text, "module ") {
		text += "output \"m\" { value = module.m.secret }\n"
	}
	return text
}
