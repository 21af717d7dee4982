package project

import (
	"slices"
	"strings"
	"testing"
)

// A program that is started with "cd ../../x && ..." reads what no other text names; it
// touched nothing, and nobody was told.
func TestPathsInCommandsAreFollowed(t *testing.T) {
	for name, tt := range map[string]struct{ text, reaches string }{
		"a shell that changes its directory": {`data "external" "x" {
  program = ["bash", "-c", "cd ../../scripts && ./run.sh --x=1"]
}`, "scripts"},
		"a command": {`resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "python3 ../../scripts/pack.py --out=../../out/x.zip ../../scripts/gone.py"
  }
}`, "out/x.zip scripts/pack.py"},
		"several lines": {`resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = <<-EOT
      set -e
      (cd '../../scripts'; make) 2>"../../out/x.zip"
    EOT
  }
}`, "out/x.zip scripts"},
		"what is computed behind it": {`locals { x = "cd ../../scripts/${var.x} && ls" }`, "scripts"},
		"what is computed before it": {`locals { x = "cd ${var.x}../../scripts && ls" }`, ""},
		"words that are no paths":    {`locals { x = "and so on ... or ..scripts or x/../../scripts" }`, ""},
		"out of the repository":      {`locals { x = "cd ../../../etc && ls" }`, ""},
		"the root of the repository": {`locals { x = "cd ../.. && ls" }`, "."},
		"JSON":                       {"", "scripts"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"scripts/run.sh": "x", "scripts/pack.py": "x", "out/x.zip": "x", "etc/x": "x"}
			if files["live/a/main.tf"] = tt.text; tt.text == "" {
				delete(files, "live/a/main.tf")
				files["live/a/main.tf.json"] = `{"resource": {"terraform_data": {"x": {"provisioner": {"local-exec": {"command": "cd ../../scripts && make"}}}}}}`
			}
			got := slices.DeleteFunc(graphOf(t, newTree(files)).Needs(Project{Name: "a", Dir: "live/a"}), func(dir string) bool { return dir == "live/a" || strings.Contains(dir, "gone") })
			if strings.Join(got, " ") != tt.reaches {
				t.Errorf("it reaches %q, want %q", got, tt.reaches)
			}
		})
	}
}
